import EventLoop
import Foundation
import OpenExec
import Records
import Synchronization
import Testing

@testable import Sandbox

/// What one run's exchanges give and end, without a machine, against an authorization server on this test's own loopback.
@Suite(
  "Turns of OAuth", .serialized, .enabled(if: geteuid() == 0, "networks of a test's own are made by root"))
struct OAuthTurnTests {
  /// What the server was asked, in the order in which it was.
  private final class Server: Sendable {
    private let asked = Mutex<[String]>([])
    /// Held up until it is let go, where it is to be late.
    let gate = DispatchSemaphore(value: 0)

    init(isLate: Bool = false) throws {
      try PublicNet.serve(8099) { [self] request in
        asked.withLock { $0.append(request) }
        guard request.hasPrefix("POST /token") else { return PublicNet.answer("200 OK") }
        if isLate { gate.wait() }
        let body =
          request.contains("scope=bad")
          ? #"{"access_token":"access-token-bad","token_type":"Bearer","scope":"more"}"#
          : #"{"access_token":"access-token-good","token_type":"Bearer","refresh_token":"refresh-token-2"}"#
        return PublicNet.answer("200 OK", "", Array(body.utf8))
      }
    }

    func count(_ path: String) -> Int { asked.withLock { $0.count { $0.hasPrefix("POST /\(path) ") } } }
  }

  private static func turn(_ loop: EventLoop, _ secrets: FixedSecrets, _ scopes: [String]) -> OAuthTurn {
    let settings = EgressSettings()
    return OAuthTurn(
      loop: loop, settings: settings,
      resolver: Resolver(loop: loop, settings: settings, helpers: Helpers(first: 2_999_000, count: 8)),
      source: secrets, accounts: AccountTurns(), tenant: "acme",
      grants: scopes.map { OAuthGrant(name: $0, scopes: [$0], audience: "https://api.example.org") })
  }

  private static func accounts(_ names: String...) -> FixedSecrets {
    FixedSecrets(Dictionary(uniqueKeysWithValues: names.map { ("acme+\($0)", OAuthTests.account) }))
  }

  private static func wait(_ loop: EventLoop, until isDone: () -> Bool) throws {
    let limit = MonotonicInstant.now + .seconds(30)
    while !isDone() {
      try #require(MonotonicInstant.now < limit, "it takes too long")
      try loop.turn(waitingAtMost: .milliseconds(20))
    }
  }

  @Test("where one exchange fails, the tokens that came before it are ended, and its own, each once")
  func failed() throws {
    try PublicNet.run(hosts: []) {
      let server = try Server()
      let loop = try EventLoop()
      let turn = Self.turn(loop, Self.accounts("good", "bad"), ["good", "bad"])
      var results: [Result<[RunSecret], SandboxError>] = []
      turn.exchange { results.append($0) }
      try Self.wait(loop) { !results.isEmpty && turn.revocations == 0 }
      guard case .failure(let why) = results.first else {
        Issue.record("\(results)")
        return
      }
      #expect(why.description.hasPrefix("oauth bad: ") && why.description.contains("wider scope"), "\(why)")
      #expect(results.count == 1 && !turn.isInUse)
      #expect(server.count("token") == 2 && server.count("revoke") == 2)
      // What is over is over.
      turn.giveUp()
      #expect(turn.revocations == 0)
      loop.end()
    }
  }

  @Test(
    "what a server gives to a run that is over is ended at once; nobody is told, and no more is asked for",
    arguments: [["good"], ["good", "next"]])
  func late(_ accounts: [String]) throws {
    try PublicNet.run(hosts: []) {
      let server = try Server(isLate: true)
      let loop = try EventLoop()
      let secrets = Self.accounts("good", "next")
      let turn = Self.turn(loop, secrets, accounts)
      var told = 0
      turn.exchange { _ in told += 1 }
      try Self.wait(loop) { server.count("token") == 1 }
      turn.giveUp()
      #expect(turn.revocations == 0 && server.count("revoke") == 0)
      server.gate.signal()
      try Self.wait(loop) { server.count("revoke") > 0 && turn.revocations == 0 }
      #expect(server.count("revoke") == 1 && server.count("token") == 1 && told == 0)
      // The one that came with it is kept: the one before is no longer good.
      let kept = String(decoding: try secrets.secret("good", of: "acme"), as: UTF8.self)
      #expect(kept.contains("refresh-token-2"))
      loop.end()
    }
  }

  @Test("a run's tokens are ended once, when it is over, and not before")
  func ended() throws {
    try PublicNet.run(hosts: []) {
      let server = try Server()
      let loop = try EventLoop()
      let turn = Self.turn(loop, Self.accounts("good"), ["good"])
      var given: [RunSecret] = []
      turn.exchange { given = (try? $0.get()) ?? [] }
      try Self.wait(loop) { !given.isEmpty }
      #expect(turn.isInUse && server.count("revoke") == 0)
      turn.giveUp()
      turn.giveUp()
      #expect(turn.revocations == 1 && !turn.isInUse)
      try Self.wait(loop) { turn.revocations == 0 }
      #expect(server.count("revoke") == 1)
      loop.end()
    }
  }
}
