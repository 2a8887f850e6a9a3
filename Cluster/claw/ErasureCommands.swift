import Canonical
import GovernanceNode
import Host
import Records

/// How far what is erased is gone (Decision 026).
enum ErasureCommands {
  static let all: [Command] = [
    Command(
      "erasures", "which nodes have destroyed their keys of what is erased", options: Command.session,
      details: """
        Asks every node; what each says of itself is its own word. Ends with 7 where a node has not carried out an
        erasure, or was not heard: one that is down may have its keys until it is back.
        """, run: erasures)
  ]

  private static func erasures(_ call: Invocation) throws -> ExitCode {
    let (nodes, _) = try AlertCommands.hear(try Session(call.parsed))
    guard nodes.contains(where: { $0.status != nil }) else {
      throw Failure(.unreachable, nodes.map { "\($0.name): \($0.reason)" }.joined(separator: "\n"))
    }
    let progress = ErasureProgress(nodes)
    var table = TextTable(["tenant", "leaf", "at", "carried out by", "not yet by", "not known of"])
    var entries: [JSON] = []
    for erasure in progress.erasures {
      let (done, open) = (progress.nodes(.carriedOut, erasure), progress.nodes(.open, erasure))
      let unknown = progress.nodes(.unknown, erasure)
      table.add(
        [erasure.tenant, String(erasure.leaf), erasure.at?.text ?? "?"]
          + [done, open, unknown].map { $0.isEmpty ? "-" : $0.joined(separator: " ") })
      entries.append(
        .object([
          ("tenant_id", .string(erasure.tenant)), ("leaf", .string(String(erasure.leaf))),
          ("at", erasure.at.map { .time($0) } ?? .null), ("carried_out", .array(done.map(JSON.string))),
          ("open", .array(open.map(JSON.string))), ("unknown", .array(unknown.map(JSON.string))),
        ]))
    }
    call.say(
      Report(
        progress.erasures.isEmpty ? "nothing was erased" : table.text,
        [("complete", .bool(progress.isComplete)), ("erasures", .array(entries))]))
    return progress.isComplete ? .ok : .failed
  }
}
