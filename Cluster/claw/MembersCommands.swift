import Canonical
import Crypto
import Host
import Records
import Wire

/// Who the parties are: changed by at least two operators. What follows from the act (the new parties catch up, the
/// joint configuration, the key) the cluster does by itself; `claw status` shows how it stands.
enum MembersCommands {
  private static let options =
    [
      CommandOption("--threshold", "T", "parties that are to sign; default a safe majority of them"),
      CrashOnly.option,
      CommandOption("--wait", "SECONDS", "wait until the change is over, or for so long"),
    ] + Acts.options + Command.session

  static let all: [Command] = [
    Command(
      "members list", "who the parties are, who takes part, and how a change stands",
      options: Command.session, run: list),
    Command(
      "members add", "parties that are to come",
      options: [CommandOption("--invitation", "FILE", "a new party's public bundle", isRepeated: true)]
        + options,
      details: """
        The party is made with claw party create and invite; its node starts after claw party join --cluster.
        Until it holds the whole ledger nothing else changes. When nobody leaves, the key stays. With --wait this identity
        knows the node afterwards; others are told with claw identity nodes.
        """, run: add),
    Command(
      "members remove", "parties that are to go, by name", operands: ["PARTY", "[PARTY...]"],
      options: options,
      details: "Whoever goes takes a share along: the others make a new key, and the old one signs no more.",
      run: remove),
    Command(
      "members replace", "a party that another takes the place of", operands: ["PARTY"],
      options: [CommandOption("--invitation", "FILE", "the new party's public bundle")] + options,
      run: replace),
    Command(
      "members rotate", "a new key for the same parties, as after a share was lost or seen", options: options,
      run: rotate),
    Command(
      "key repair", "bring a party's lost share back, from as many others as sign",
      operands: ["PARTY"], options: Command.session,
      details: "Asks that party's node. The others learn nothing of the share; the key stays as it is.",
      run: repair),
    Command(
      "members cancel", "take back a change that has not got its key yet", options: options, run: cancel),
  ]

  /// Who the parties of now are: what operators sign goes on from that, and so as many nodes say it as sign.
  struct Standing: Equatable {
    let threshold: Int
    let seats: [PartySeat]
    /// The act whose change is on its way.
    let changing: String?
    /// Whether what takes a change back names it: semantics that came with the nodes' programs that say which are in force.
    let namesReturns: Bool
    /// How many keys there have been, the one in force included.
    let keys: Int
    /// All that one of those nodes says.
    let json: JSON

    init(_ session: Session) throws {
      func heard() throws -> Standing {
        try session.agreed("Admin/Keys", KeysRequest(), of: KeysResponse.self, on: "who the parties are") {
          try Standing($0)
        }
      }
      var said = try heard()
      // The key may have changed between the two rounds: the proven one is asked for first.
      if said.threshold != session.threshold { said = try heard() }
      self = said
      guard threshold == session.threshold else {
        throw Failure(
          .other,
          "the nodes say that \(threshold) sign, and the newest key that is proven, or \(session.identity.folder) where that is "
            + "the founding one, that \(session.threshold) do")
      }
    }

    private init?(_ answer: KeysResponse) throws {
      json = try JSON.parse(answer.json)
      guard let threshold = json["threshold"]?.integer, let parties = json["parties"]?.array else {
        return nil
      }
      self.threshold = threshold
      changing = json["members"]?["change"].map { $0["act_id"]?.string ?? "a change" }
      namesReturns = (json["semantics"]?.integer ?? 0) >= Semantics.namedReturns
      keys = json["members"]?["keys"]?.integer ?? 0
      var seats: [PartySeat] = []
      for party in parties {
        guard let id = party["id"]?.integer, let name = party["name"]?.string,
          let key = party["key"]?.string.flatMap(PublicKey.init(hex:))
        else { return nil }
        seats.append(PartySeat(id: id, name: name, key: key))
      }
      self.seats = seats
    }

    static func == (left: Standing, right: Standing) -> Bool {
      left.threshold == right.threshold && left.seats == right.seats && left.changing == right.changing
        && left.keys == right.keys && left.namesReturns == right.namesReturns
    }

    func seat(_ name: String) throws -> PartySeat {
      guard let seat = seats.first(where: { $0.name == name || "\($0.id)" == name }) else {
        throw Failure(
          .usage, "there is no party \(name); the parties are \(seats.map(\.name).joined(separator: ", "))")
      }
      return seat
    }
  }

  private static func invited(_ call: Invocation) throws -> [IdentityNodes.Bundle] {
    let bundles = try IdentityNodes.bundles(call.parsed)
    guard !bundles.isEmpty else { throw UsageError("expected --invitation") }
    return bundles
  }

  private static func seats(_ bundles: [IdentityNodes.Bundle]) -> [PartySeat] {
    bundles.map(\.invitation).map { invitation in
      PartySeat(
        id: invitation.id, name: invitation.name, key: invitation.key, address: invitation.peersAddress,
        authority: invitation.authority)
    }
  }

  private static func add(_ call: Invocation) throws -> ExitCode {
    let invited = try invited(call)
    return try change(call, "add", invited: invited) { $0.seats + seats(invited) }
  }

  private static func remove(_ call: Invocation) throws -> ExitCode {
    let names = call.parsed.operands
    guard !names.isEmpty else { throw UsageError("expected the names of parties") }
    return try change(call, "remove") { standing in
      let gone = try names.map { try standing.seat($0).id }
      return standing.seats.filter { !gone.contains($0.id) }
    }
  }

  private static func replace(_ call: Invocation) throws -> ExitCode {
    let invited = try invited(call)
    return try change(call, "replace", invited: invited) { standing in
      let gone = try standing.seat(call.parsed.operand(0) ?? "").id
      return standing.seats.filter { $0.id != gone } + seats(invited)
    }
  }

  private static func rotate(_ call: Invocation) throws -> ExitCode {
    try change(call, "rotate", rotate: true, keepsThreshold: true) { $0.seats }
  }

  private static func cancel(_ call: Invocation) throws -> ExitCode {
    try change(call, "cancel", cancels: true, keepsThreshold: true) { standing in
      guard standing.changing != nil else {
        throw Failure(.notFound, "there is nothing to cancel: no change of the parties is on its way")
      }
      return standing.seats
    }
  }

  private static func change(
    _ call: Invocation, _ what: String, invited: [IdentityNodes.Bundle] = [], rotate: Bool = false,
    cancels: Bool = false, keepsThreshold: Bool = false, _ parties: (Standing) throws -> [PartySeat]
  ) throws -> ExitCode {
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let standing = try Standing(session)
    let seats = try parties(standing).sorted { $0.id < $1.id }
    guard !seats.isEmpty, seats.count <= MembersAct.maximumParties else {
      throw UsageError("expected 1 to \(MembersAct.maximumParties) parties, found \(seats.count)")
    }
    let usual = keepsThreshold ? standing.threshold : Founding.safeThreshold(of: seats.count)
    let threshold = try call.parsed.integer("--threshold", in: 1...MembersAct.maximumParties, default: usual)
    guard threshold > seats.count / 2, threshold <= seats.count else {
      throw UsageError("--threshold: expected a majority of \(seats.count), at most all; found \(threshold)")
    }
    let act = MembersAct(
      actID: "members-\(Environment.freshID())", parties: seats, threshold: threshold, rotate: rotate,
      takesBack: cancels && standing.namesReturns ? standing.changing : nil,
      validUntil: try Statements.validity(call.parsed))
    guard act.faultsTolerated >= 1 || keepsThreshold || call.parsed.has(CrashOnly.option.name) else {
      throw Failure(
        .usage,
        "\(CrashOnly.warning(threshold, of: seats.count)). Choose another --threshold, or say --crash-only")
    }
    let names = seats.map(\.name).joined(separator: ", ")
    call.remark("\(what): \(threshold) of \(names) are to sign; \(act.faultsTolerated) may lie")
    let draft = Acts.Draft(
      method: "Admin/Members",
      body: .members(try Acts.sign(act, session, key, call.parsed), MemberList(voters: seats.map(\.id))))
    let code = try Acts.conclude(draft, session, key, call, what: "\(what) \(act.actID)")
    guard code == .ok, call.parsed.value("--draft") == nil, call.parsed.has("--wait") else { return code }
    return try wait(call, session, seats.map(\.id), invited, keys: standing.keys + (cancels ? 0 : 1))
  }

  /// Waits until as many nodes as sign say that nothing is on its way, the parties are the wanted ones, and there have been at
  /// least so many keys: every change brings one, and a rotation leaves the parties as they were, also where it is taken back.
  /// The identity knows the nodes of `invited` as soon as a proven key names them: without them it may know too few who say so.
  private static func wait(
    _ call: Invocation, _ session: Session, _ ids: [Int], _ invited: [IdentityNodes.Bundle], keys: Int
  ) throws -> ExitCode {
    let seconds = try call.parsed.integer("--wait", in: 1...86_400, default: 60)
    let end = Environment.now.advanced(by: .seconds(Int64(seconds)))
    var hasBegun = false
    session.expected = invited
    while true {
      // Whose word it is changes on the way.
      session.hasFollowed = false
      _ = try? session.cluster()
      let standing = try? Standing(session)
      let members = standing?.json["members"]
      if let standing, standing.seats.map(\.id) == ids, standing.changing == nil, standing.keys >= keys {
        call.remark("the change is over")
        return .ok
      }
      hasBegun = hasBegun || standing?.changing != nil
      let isLate = Environment.now >= end
      if let standing, standing.changing == nil, hasBegun || isLate {
        throw Failure(
          .failed,
          "no change is on its way, and the parties are \(standing.seats.map(\.name).joined(separator: ", ")) with key number "
            + "\(standing.keys): this one was taken back, or another has come since")
      }
      guard !isLate else {
        throw Failure(
          .pending, "the change is on its way after \(seconds) s: it waits for \(waitsFor(members))")
      }
      Environment.pause(milliseconds: 300)
    }
  }

  private static func waitsFor(_ members: JSON?) -> String {
    members?["change"]?["waits_for"]?.string ?? "the cluster's answer"
  }

  private static func repair(_ call: Invocation) throws -> ExitCode {
    let name = call.parsed.operand(0) ?? ""
    let session = try Session(call.parsed, only: name)
    _ = try session.call("Admin/Keys", KeysRequest(repair: true), of: KeysResponse.self)
    call.say(Report("\(name) holds its share again", [("party", .string(name)), ("repaired", true)]))
    return .ok
  }

  private static func list(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let standing = try Standing(session)
    let members = standing.json["members"]
    var table = TextTable(["party", "number", "key"])
    for seat in standing.seats { table.add([seat.name, "\(seat.id)", seat.key.hex]) }
    let text =
      "\(standing.threshold) of \(standing.seats.count) sign\n" + table.text + summary(members) + "\n"
    call.say(Report(text, [("keys", standing.json)]))
    return .ok
  }

  /// A line on who takes part, for `claw status` as well.
  static func summary(_ members: JSON?) -> String {
    func ids(_ name: String) -> String {
      (members?[name]?.array ?? []).compactMap(\.integer).map(String.init).joined(separator: ", ")
    }
    var line = "voters \(ids("voters"))"
    if members?["is_joint"]?.bool == true { line += "; joint with \(ids("outgoing"))" }
    let learners = ids("learners")
    if !learners.isEmpty { line += "; learners \(learners)" }
    line +=
      "; key \(members?["group_key"]?.string?.prefix(16) ?? "?")…, number \(members?["keys"]?.integer ?? 0)"
    if let change = members?["change"] {
      line +=
        "; \(change["act_id"]?.string ?? "a change") is \(change["stage"]?.string ?? "") and waits for "
        + waitsFor(members)
    }
    return line
  }
}
