import CSystem
import EventLoop
import Glibc
import OpenExec

/// Turns names into addresses, each in a process of its own: the resolver's libraries block, read the host's
/// configuration and parse what strangers send, so they run as users of their own, for a bounded time, outside of this
/// program.
///
/// `getent` is the C library's own program for what `getaddrinfo` says.
final class Resolver {
  private let loop: EventLoop
  private let settings: EgressSettings
  let helpers: Helpers
  private var lookups: [ChildID: Lookup] = [:]

  /// Most lookups at once, over all runs.
  static let maximumLookups = 32
  private static let maximumOutput = 16 << 10
  private struct Lookup {
    var output: [UInt8] = []
    let pipe: Int32
    let watch: EventLoop.WatchID
    let timer: TimerID
    var isLate = false
    let done: (Result<[NetworkAddress], ResolverFailure>) -> Void
  }

  struct ResolverFailure: Error { let why: String }

  init(loop: EventLoop, settings: EgressSettings, helpers: Helpers) {
    self.loop = loop
    self.settings = settings
    self.helpers = helpers
  }

  /// Looks a name up, which is one that `HostName` takes; `done` is called once, later.
  ///
  /// The name is absolute: the host's search list is not tried, by which a name that does not exist would become another
  /// one, and whose owner an address of the run's choice. `asTheHostDoes` is for names that the operator wrote, who may
  /// have meant it.
  func resolve(
    _ name: String, asTheHostDoes: Bool = false,
    _ done: @escaping (Result<[NetworkAddress], ResolverFailure>) -> Void
  ) {
    do {
      guard lookups.count < Self.maximumLookups else {
        throw ResolverFailure(why: "too many lookups at once")
      }
      guard !name.isEmpty, !name.hasPrefix("-") else { throw ResolverFailure(why: "no name") }
      try start(name, asTheHostDoes, done)
    } catch {
      let failure = (error as? ResolverFailure) ?? ResolverFailure(why: "\(error)")
      loop.atEndOfTurn { done(.failure(failure)) }
    }
  }

  private func start(
    _ name: String, _ asTheHostDoes: Bool,
    _ done: @escaping (Result<[NetworkAddress], ResolverFailure>) -> Void
  ) throws {
    var ends: [Int32] = [-1, -1]
    let piped = csystem_pipe(&ends)
    guard piped == 0 else { throw ResolverFailure(why: "no pipe, errno \(-piped)") }
    defer { _ = csystem_close(ends[1]) }
    var plan = SpawnPlan(path: settings.resolver, arguments: [settings.resolver, "ahosts", name])
    plan.descriptors = [nil, ends[1], nil]
    // In place of the search list, the root alone (resolv.conf(5)).
    if !asTheHostDoes { plan.environment = ["LOCALDOMAIN=."] }
    var started: ChildID?
    do {
      let child = try helpers.spawn(plan, on: loop) { [self] child in finish(child) }
      started = child
      let watch = try loop.watch(ends[0], for: .read) { [self] _ in read(child) }
      let timer = try loop.schedule(after: .seconds(settings.resolveSeconds)) { [self] in
        lookups[child]?.isLate = true
        loop.signal(child, SIGKILL)
      }
      lookups[child] = Lookup(pipe: ends[0], watch: watch, timer: timer, done: done)
    } catch {
      if let started { loop.signal(started, SIGKILL) }
      _ = csystem_close(ends[0])
      throw error
    }
  }

  private func read(_ child: ChildID) {
    guard let lookup = lookups[child] else { return }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = csystem_read(lookup.pipe, &bytes, bytes.count)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else {
      // Its end is told by its exit.
      try? loop.change(lookup.watch, to: .none)
      return
    }
    lookups[child]?.output += bytes[..<count]
    if lookup.output.count > Self.maximumOutput { loop.signal(child, SIGKILL) }
  }

  private func finish(_ child: ChildID) {
    while let lookup = lookups[child], lookup.output.count <= Self.maximumOutput {
      let before = lookup.output.count
      read(child)
      if lookups[child]?.output.count == before { break }
    }
    guard let lookup = lookups.removeValue(forKey: child) else { return }
    loop.cancel(lookup.timer)
    loop.unwatch(lookup.watch)
    _ = csystem_close(lookup.pipe)
    if lookup.isLate {
      return lookup.done(
        .failure(ResolverFailure(why: "no answer within \(settings.resolveSeconds) seconds")))
    }
    let addresses = Self.addresses(lookup.output)
    lookup.done(
      addresses.isEmpty ? .failure(ResolverFailure(why: "the name is not known")) : .success(addresses))
  }

  /// Lines of an address, the kind of socket and perhaps a name; each address once, in the resolver's order.
  static func addresses(_ output: [UInt8]) -> [NetworkAddress] {
    var addresses: [NetworkAddress] = []
    for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
      guard let first = line.split(separator: " ").first, let address = NetworkAddress(text: String(first)),
        !addresses.contains(address)
      else { continue }
      addresses.append(address)
    }
    return addresses
  }
}
