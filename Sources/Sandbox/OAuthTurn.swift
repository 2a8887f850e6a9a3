import EventLoop
import OpenExec
import Records

/// The access tokens of one run (T2.4): exchanged before its machine is made, revoked after it is gone. Confined to the
/// loop.
final class OAuthTurn {
  private let loop: EventLoop
  private let settings: EgressSettings
  private let resolver: Resolver
  private let source: any SecretSource
  private let accounts: AccountTurns
  private let tenant: String
  private var wanted: [OAuthGrant]
  /// What was given, with what ends it.
  private var given: [(account: OAuthAccount, token: String)] = []
  private var secrets: [RunSecret] = []
  private var isGivenUp = false
  /// Whether its run may still use what it was given.
  var isInUse: Bool { !isGivenUp }

  init(
    loop: EventLoop, settings: EgressSettings, resolver: Resolver, source: any SecretSource,
    accounts: AccountTurns, tenant: String, grants: [OAuthGrant]
  ) {
    self.loop = loop
    self.settings = settings
    self.resolver = resolver
    self.source = source
    self.accounts = accounts
    self.tenant = tenant
    wanted = grants
  }

  /// Exchanges one after the other; `done` is called once, later, with the secrets of the run, or why there are none.
  /// Where one fails, those given before it are revoked.
  func exchange(_ done: @escaping (Result<[RunSecret], SandboxError>) -> Void) {
    guard let grant = wanted.first else { return loop.atEndOfTurn { [self] in done(.success(secrets)) } }
    wanted.removeFirst()
    let name = "\(tenant)+\(grant.name)"
    accounts.take(name) { [self] in
      guard !isGivenUp else { return accounts.giveBack(name) }
      call(grant) { [self] why in
        accounts.giveBack(name)
        if let why { return fail(grant, why, done) }
        if !isGivenUp { exchange(done) }
      }
    }
  }

  /// Exchanges one; `then` is called with why it failed, where it did.
  private func call(_ grant: OAuthGrant, _ then: @escaping (String?) -> Void) {
    let account: OAuthAccount
    do {
      account = try OAuthAccount(try source.secret(grant.name, of: tenant))
    } catch {
      return then("\(error)")
    }
    OAuthCall.start(
      loop: loop, settings: settings, resolver: resolver, endpoint: account.token,
      request: account.exchange(for: grant)
    ) { [self] result in
      do {
        let answer = try result.get()
        // Ended in any case, also where it is refused.
        if let token = OAuthTokens.token(in: answer) { given.append((account, token)) }
        // First of all, also where the answer is refused or nobody waits for it any more: the one before is no longer
        // good for anything.
        if let refreshToken = OAuthTokens.rotation(in: answer) {
          try source.replace(grant.name, of: tenant, account.rotated(to: refreshToken))
        }
        let tokens = try OAuthTokens(answer, for: grant)
        if isGivenUp { revoke() }
        secrets.append(RunSecret(name: grant.name, value: Array(tokens.accessToken.utf8)))
        then(nil)
      } catch {
        then("\(error)")
      }
    }
  }

  private func fail(
    _ grant: OAuthGrant, _ why: String, _ done: @escaping (Result<[RunSecret], SandboxError>) -> Void
  ) {
    giveUp()
    loop.atEndOfTurn { done(.failure(.secret("oauth \(grant.name): \(why)"))) }
  }

  /// Nobody waits for it any more.
  func giveUp() {
    isGivenUp = true
    revoke()
  }

  /// Calls that end tokens and have no answer yet.
  private(set) var revocations = 0

  /// Ends every token that was given. A server that does not answer has them until they expire.
  func revoke() {
    let ended = given
    given = []
    for (account, token) in ended {
      revocations += 1
      OAuthCall.start(
        loop: loop, settings: settings, resolver: resolver, endpoint: account.revocation,
        request: account.revocation(of: token)
      ) { [self] _ in revocations -= 1 }
    }
  }
}
