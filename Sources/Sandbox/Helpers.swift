import EventLoop
import Glibc

/// How programs run beside this one that parse what strangers send: names (`Resolver`) and TLS (`TLSChild`). Each process
/// has a user of its own, so that none can look into another's memory or signal it, whichever run it serves; no file
/// of this host is theirs. Confined to the loop.
final class Helpers {
  private var users: UserPool

  /// Helpers of `count` users from `first` on.
  init(first: UInt32, count: UInt32) { users = UserPool(first: first, count: count) }

  /// Starts a helper; `onExit` is called once, when it is gone and its user is free again.
  func spawn(
    _ planned: SpawnPlan, on loop: EventLoop, onExit: @escaping (ChildID) -> Void
  ) throws -> ChildID {
    var plan = planned
    plan.directory = "/"
    plan.newSession = true
    plan.deathSignal = SIGKILL
    plan.confinement.dropsCapabilities = true
    plan.confinement.noNewPrivileges = true
    plan.confinement.limits = [
      Limit(resource: Jail.Resource.fileSize, soft: 0, hard: 0),
      Limit(resource: Jail.Resource.core, soft: 0, hard: 0),
      Limit(resource: Jail.Resource.processes, soft: 8, hard: 8),
      Limit(resource: Jail.Resource.openFiles, soft: 64, hard: 64),
    ]
    var user: UInt32?
    if geteuid() == 0 {
      user = users.take()
      guard let user else { throw HelperError.noUser }
      plan.confinement.identity = (user, user)
      plan.confinement.namespaces = [.process, .interprocess, .hostName]
    }
    let (taken, started) = (user, Started())
    do {
      let child = try loop.spawn(plan) { [self] _ in
        if let taken { users.giveBack(taken) }
        if let child = started.child { onExit(child) }
      }
      started.child = child
      return child
    } catch {
      if let taken { users.giveBack(taken) }
      throw error
    }
  }

  private typealias Limit = SpawnPlan.Confinement.Limit

  /// What the end of a process has to name, which is not known before it is started.
  private final class Started { var child: ChildID? }

  enum HelperError: Error, CustomStringConvertible {
    case noUser

    var description: String { "too many programs run beside this one: no user is free for another" }
  }
}
