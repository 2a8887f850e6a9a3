import Canonical
import EventLoop
import Foundation
import OpenExec
import Records
import Synchronization
import Testing

@testable import Sandbox

/// T2.4 on a real machine, against an authorization server on this test's own loopback.
@Suite("OAuth of real machines", .serialized, .enabled(if: Bench.obstacle == nil, "\(Bench.obstacle ?? "")"))
struct OAuthTests {
  static let grant = OAuthGrant(name: "calendar", scopes: ["cal.read"], audience: "https://api.example.org")
  static let account = """
    {"token_endpoint":"http://127.0.0.1:8099/token","revocation_endpoint":"http://127.0.0.1:8099/revoke",\
    "client_id":"executor","refresh_token":"refresh-token-1"}
    """

  /// Runs one action against a server that gives `answer`; what the server was asked, and what came of the run.
  static func run(
    _ answer: String, killAtOnce: Bool = false,
    _ check: @escaping @Sendable (Rig, RunOutcome, [String], FixedSecrets) throws -> Void
  ) throws {
    try PublicNet.run(hosts: []) {
      let asked = Mutex<[String]>([])
      try PublicNet.serve(8099) { request in
        asked.withLock { $0.append(request) }
        return PublicNet.answer("200 OK", "", Array((request.hasPrefix("POST /token") ? answer : "").utf8))
      }
      let secrets = FixedSecrets(["acme+calendar": account])
      let rig = try Rig { $0.secrets = secrets }
      let script =
        "B=/bin/busybox; $B ls /secrets; $B wc -c </secrets/calendar; $B cat /secrets/calendar; $B env"
      let order = rig.hostile(script, oauth: [grant])
      var outcome: RunOutcome?
      rig.host.start(order) { event in
        if case .finished(_, let ended) = event { outcome = ended }
      }
      if killAtOnce { rig.host.kill(order.id) }
      // The revocation comes after the end, and is waited for as a machine is.
      while outcome == nil || rig.host.running > 0 { try rig.loop.turn(waitingAtMost: .milliseconds(50)) }
      try check(rig, try #require(outcome), asked.withLock { $0 }, secrets)
      try rig.expectNothingLeft()
    }
  }

  @Test("the action gets the access token alone, for its run, and nobody has it afterwards")
  func exchanged() throws {
    let answer = """
      {"access_token":"access-token-123456","token_type":"Bearer","scope":"cal.read","refresh_token":"refresh-token-2"}
      """
    try Self.run(answer) { rig, outcome, asked, secrets in
      let output = String(decoding: outcome.output, as: UTF8.self)
      #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
      #expect(output.hasPrefix("calendar\n19\n"), "\(output)")
      #expect(!output.contains("access-token") && !output.contains("refresh-token"), "\(output)")
      #expect(asked.count == 2 && asked[0].hasPrefix("POST /token HTTP/1.0\r\n"), "\(asked)")
      #expect(asked.last?.hasPrefix("POST /revoke HTTP/1.0\r\n") == true)
      // The server gave a new refresh token, which is kept.
      let kept = String(decoding: try secrets.secret("calendar", of: "acme"), as: UTF8.self)
      #expect(kept.contains("refresh-token-2") && !kept.contains("refresh-token-1"))
    }
  }

  @Test(
    "a wider scope is refused: nothing runs; the refresh token that came with it is kept, since the old one is over"
  )
  func wider() throws {
    let answer = """
      {"access_token":"access-token-123456","token_type":"Bearer","scope":"cal.read cal.write",\
      "refresh_token":"refresh-token-2"}
      """
    try Self.run(answer) { rig, outcome, asked, secrets in
      let kept = String(decoding: try secrets.secret("calendar", of: "acme"), as: UTF8.self)
      #expect(kept.contains("refresh-token-2") && !kept.contains("refresh-token-1"))
      guard case .sandboxFailed(let why) = outcome.ending else {
        Issue.record("\(outcome.ending)")
        return
      }
      #expect(why.contains("wider scope") && why.contains("cal.write") && outcome.guest == nil, "\(why)")
      // What was given is ended all the same.
      #expect(asked.count == 2 && asked.last?.hasPrefix("POST /revoke HTTP/1.0\r\n") == true, "\(asked)")
    }
  }

  @Test("a run that is killed while it waits for its token ends at once, and never starts")
  func killed() throws {
    try Self.run(#"{"access_token":"access-token-123456","token_type":"Bearer"}"#, killAtOnce: true) {
      rig, outcome, asked, _ in
      #expect(outcome.ending == .killed && outcome.guest == nil)
    }
  }

  @Test(
    "runs of one account exchange one after the other, each with the refresh token that the one before was given"
  )
  func oneAtATime() throws {
    try PublicNet.run(hosts: []) {
      let valid = Mutex(1)
      let asked = Mutex(0)
      try PublicNet.serve(8099) { request in
        guard request.hasPrefix("POST /token") else { return PublicNet.answer("200 OK") }
        asked.withLock { $0 += 1 }
        let number = valid.withLock { $0 }
        guard request.contains("refresh_token=refresh-token-\(number)&") else {
          return PublicNet.answer("400 Bad Request", "", Array(#"{"error":"invalid_grant"}"#.utf8))
        }
        valid.withLock { $0 += 1 }
        return PublicNet.answer(
          "200 OK", "",
          Array(
            """
            {"access_token":"access-token-\(number)","token_type":"Bearer","refresh_token":"refresh-token-\(number + 1)"}
            """.utf8))
      }
      let secrets = FixedSecrets(["acme+calendar": Self.account])
      let loop = try EventLoop()
      let settings = EgressSettings()
      let resolver = Resolver(loop: loop, settings: settings, helpers: Helpers(first: 2_999_000, count: 8))
      let accounts = AccountTurns()
      let turns = (0..<3).map { _ in
        OAuthTurn(
          loop: loop, settings: settings, resolver: resolver, source: secrets, accounts: accounts,
          tenant: "acme",
          grants: [Self.grant])
      }
      var tokens: [String] = []
      var count = 0
      for turn in turns {
        turn.exchange { result in
          count += 1
          if case .success(let given) = result {
            tokens += given.map { String(decoding: $0.value, as: UTF8.self) }
          }
        }
      }
      // One that is given up while it waits gives its place to the next.
      turns[1].giveUp()
      let limit = MonotonicInstant.now + .seconds(60)
      while tokens.count < 2, count < 3, MonotonicInstant.now < limit {
        try loop.turn(waitingAtMost: .milliseconds(50))
      }
      #expect(tokens == ["access-token-1", "access-token-2"], "\(tokens)")
      #expect(asked.withLock { $0 } == 2)
      loop.end()
    }
  }
}
