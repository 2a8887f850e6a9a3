import EventLoop
import OpenExec

/// The addresses that no run reaches, beside those that are not the Internet's, as they are when a run begins: what the
/// operator closed, this host's own, and the governance nodes'. Confined to the loop.
///
/// Nodes are named as the executor's file names them. A name is asked for anew once a minute, and what it ever stood for
/// stays closed; a run that reaches anything does not begin before each name has stood for something.
final class ClosedAddresses {
  private let loop: EventLoop
  private let settings: EgressSettings
  private let resolver: Resolver
  private var known: [String: [NetworkAddress]] = [:]
  private var askedAt: MonotonicInstant?

  private let clock: () -> MonotonicInstant

  /// For how long what a name stands for is not asked for again.
  static let lifetime = Duration.seconds(60)
  /// Of one name; more are no node's.
  private static let maximumAddresses = 64

  init(
    loop: EventLoop, settings: EgressSettings, resolver: Resolver,
    clock: @escaping () -> MonotonicInstant = { .now }
  ) {
    (self.loop, self.settings, self.resolver, self.clock) = (loop, settings, resolver, clock)
  }

  /// `done` is called once, later.
  func current(_ done: @escaping (Result<[AddressBlock], SandboxError>) -> Void) {
    let now = clock()
    let isFresh = askedAt.map { now.since($0) < ClosedAddresses.lifetime } ?? false
    let open = settings.nodes.filter { NetworkAddress(text: $0) == nil && (!isFresh || known[$0] == nil) }
    if !isFresh { askedAt = now }
    ask(open[...]) { [self] why in
      loop.atEndOfTurn { [self] in done(result(why)) }
    }
  }

  /// Asks for one name after the other; tells why one that is not known cannot be.
  private func ask(_ names: ArraySlice<String>, why: String = "", _ done: @escaping (String) -> Void) {
    guard let name = names.first else { return done(why) }
    resolver.resolve(name, asTheHostDoes: true) { [self] result in
      var why = why
      switch result {
      case .success(let addresses):
        let before = known[name] ?? []
        let new = addresses.filter { !before.contains($0) }
        known[name] = (before + new).suffix(ClosedAddresses.maximumAddresses)
      case .failure(let failure): why = failure.why
      }
      ask(names.dropFirst(), why: why, done)
    }
  }

  private func result(_ why: String) -> Result<[AddressBlock], SandboxError> {
    var blocks = settings.controlPlane
    for name in settings.nodes {
      let addresses = NetworkAddress(text: name).map { [$0] } ?? known[name] ?? []
      guard !addresses.isEmpty else {
        return .failure(
          .tooLarge(
            "the address of governance node \(name) is not known (\(why)), so it cannot be closed to runs: "
              + "expected a name that this host resolves"))
      }
      blocks += addresses.compactMap { AddressBlock(text: $0.text, purpose: "a governance node") }
    }
    blocks += settings.ownAddresses().compactMap {
      AddressBlock(text: $0.text, purpose: "this executor's own")
    }
    return .success(blocks)
  }
}
