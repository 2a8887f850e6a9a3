import Canonical
import Crypto
import Host
import Records
import Wire

/// What approvers do: see what waits for them, and vote.
enum ApprovalCommands {
  static let all: [Command] =
    [
      Command(
        "pending", "what waits for people",
        options: [
          CommandOption("--role", "ROLE", "only what this role may decide"),
          CommandOption("--leaf", "LEAF", "only this proposal, with its parameters however long they are"),
          CommandOption(flag: "--watch", "stay, and show what waits whenever that changes"),
          CommandOption("--for", "SECONDS", "with --watch: how long; default until it is ended"),
        ] + Command.session,
        details: """
          Shows exactly what is asked for: the parameters are held against the hash in the ledger. Parameters of
          more than 16 KiB are left out of the list and marked so; --leaf shows them. What is asked for several
          times with the same content is shown once.
          """,
        run: pending)
    ] + VotingCommands.all

  private static func pending(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let role = call.parsed.value("--role") ?? ""
    let leaf = try call.parsed.value("--leaf").map { try Operand.leaf($0, "--leaf") }
    func look() throws -> [PendingProposal] {
      if let leaf { return [try PendingProposal.one(session, leaf: leaf, role: role, key)] }
      return try PendingProposal.all(session, role: role, key)
    }
    guard call.parsed.has("--watch") else {
      say(try look(), call)
      return .ok
    }
    let seconds = try call.parsed.integer("--for", in: 1...31_536_000, default: 31_536_000)
    let end = Environment.now.advanced(by: .seconds(Int64(seconds)))
    var shown: [PendingItem]?
    while Environment.now < end {
      let items = try look()
      if items.map(\.wire) != shown {
        say(items, call)
        shown = items.map(\.wire)
      }
      Environment.pause(milliseconds: 1000)
    }
    return .ok
  }

  private static func say(_ items: [PendingProposal], _ call: Invocation) {
    let groups = PendingGroup.groups(items)
    let text = groups.map { PendingReport(group: $0, now: Environment.now).text }.joined(separator: "\n")
    let leaves = groups.map { group in
      JSON.array(group.items.map { .string(String($0.wire.proposal)) })
    }
    call.say(
      Report(
        items.isEmpty ? "nothing waits for you" : text,
        [("pending", .array(items.map(PendingReport.json))), ("alike", .array(leaves))]))
  }
}
