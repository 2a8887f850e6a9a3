import Canonical
import Crypto
import Host
import Records
import Wire

/// Another key in place of one that was seen, or is old (IR-5).
enum RotationCommands {
  static let all: [Command] = [
    Command(
      "rotate", "put another key in the place of someone's; at least two operators",
      operands: ["KIND", "NAME"],
      options: [
        CommandOption("--key", "FILE", "the new public signing key, or an OpenSSH .pub file"),
        CommandOption("--second-key", "FILE", "the new second key; without it the second stays as it is"),
        CommandOption("--tenant", "ID", "an agent's tenant"),
        CommandOption("--expires", "WHEN", "a number of days, or a time; default as it was"),
      ] + Acts.options + Command.session,
      details: """
        KIND is agent, approver, operator, executor or auditor. Everything else of the enrolment stays. From the
        leaf on the old key counts for nothing: what it signs is refused. What else rotates: claw members rotate
        (the cluster's key), claw members replace (a party's), claw party renew and claw
        identity renew (certificates).
        """, run: rotate)
  ]

  private static func rotate(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let principal = try EnrolmentCommands.principal(
      kind: parsed.operand(0) ?? "", name: parsed.operand(1) ?? "", tenant: parsed.value("--tenant"))
    let session = try Session(parsed)
    let cluster = try session.cluster()
    // All of it is signed again.
    var enrolment = try session.agreed(
      "Admin/Status", StatusRequest(principal: principal.path), of: StatusResponse.self,
      on: "how \(principal.path) is enrolled"
    ) { answer in
      let shown = try (try JSON.parse(answer.json))["enrolment"].map { try Enrolment($0) }
      return shown?.principal == principal ? shown : nil
    }
    let old = enrolment.key
    enrolment.key = try EnrolmentCommands.publicKey(try parsed.required("--key"))
    if let path = parsed.value("--second-key") {
      enrolment.secondKey = try EnrolmentCommands.publicKey(path)
    }
    guard enrolment.key != old else { throw Failure(.other, "that is the key of \(principal.path) already") }
    if let text = parsed.value("--expires") { enrolment.expiresAt = try Operand.expiry(text, "--expires") }
    let act = EnrolmentAct(
      actID: "rotate-\(Environment.freshID())", enrol: enrolment, validUntil: try Statements.validity(parsed))
    let draft = Acts.Draft(
      method: "Admin/Enrol", body: .enrol(try Acts.sign(act, session, cluster, parsed)))
    return try Acts.conclude(
      draft, session, cluster, call, what: "rotate \(principal.path) from \(old.hex.prefix(16))…")
  }
}
