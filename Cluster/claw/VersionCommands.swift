import Canonical
import Crypto
import Host
import Records
import Wire

/// Which semantics are in force: how a rolling upgrade ends.
enum VersionCommands {
  static let all: [Command] = [
    Command(
      "version show", "which semantics are in force, and which every node's program applies",
      options: Command.session, run: show),
    Command(
      "version activate", "put newer semantics in force, once every node runs a program that applies them",
      operands: ["NUMBER"], options: Acts.options + Command.session,
      details: """
        At least two operators. Refused until every member advertises them; from then on they apply at one leaf on all
        nodes, and a node with an older program stops there. Before, every node may go back to the program it had.
        """, run: activate),
  ]

  private static func status(_ session: Session) throws -> JSON {
    let answer = try session.call("Admin/Status", StatusRequest(), of: StatusResponse.self)
    guard let semantics = try JSON.parse(answer.json)["semantics"] else {
      throw Failure(.other, "\(session.answering) does not say which semantics are in force")
    }
    return semantics
  }

  private static func show(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let semantics = try status(session)
    var table = TextTable(["node", "applies up to"])
    for member in semantics["members"]?.array ?? [] {
      table.add([
        "\(member["node"]?.integer ?? 0)",
        member["newest"]?.integer.map(String.init) ?? "not heard of by \(session.answering)",
      ])
    }
    call.say(
      Report(
        "\(line(semantics))\n" + table.text,
        [("semantics", semantics), ("answered_by", .string(session.answering))]))
    return .ok
  }

  /// A line for `claw status` as well.
  static func line(_ semantics: JSON?) -> String {
    let inForce = semantics?["in_force"]?.integer ?? 0
    let newest = (semantics?["members"]?.array ?? []).map { $0["newest"]?.integer }
    let reachable = newest.contains(nil) ? nil : newest.compactMap { $0 }.min()
    let line = "semantics \(inForce) in force"
    guard let reachable, reachable > inForce else { return line }
    return line + "; every node applies \(reachable): claw version activate \(reachable)"
  }

  private static func activate(_ call: Invocation) throws -> ExitCode {
    let text = call.parsed.operand(0) ?? ""
    guard let number = Int(text), (1...65_535).contains(number) else {
      throw UsageError("NUMBER: expected a whole number from 1 to 65535, found \"\(text)\"")
    }
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let act = VersionAct(
      actID: "version-\(Environment.freshID())", semantics: number,
      validUntil: try Statements.validity(call.parsed))
    let draft = Acts.Draft(
      method: "Admin/Version", body: .version(try Acts.sign(act, session, key, call.parsed)))
    return try Acts.conclude(draft, session, key, call, what: "semantics \(number)")
  }
}
