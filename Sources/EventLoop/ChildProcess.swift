import CSystem
import Glibc

/// Names a child process of a loop; never used twice, unlike a process id.
public struct ChildID: Hashable, Sendable {
  let sequence: UInt64
}

/// How a process ended.
public enum ExitOutcome: Equatable, Sendable {
  case exited(code: Int32)
  case signalled(number: Int32)

  /// Exit code 0.
  public var isSuccess: Bool { self == .exited(code: 0) }
}

struct Child {
  var pid: Int32
  var descriptor: OwnedDescriptor
  var watch: EventLoop.WatchID
}

extension EventLoop {
  /// Starts a program. `onExit` is called once, on this loop, when it has ended and been reaped.
  ///
  /// Returns when the program runs (its `exec` succeeded): every step of the plan has been carried out,
  /// or the error says which was not, and then nothing is left of the attempt.
  public func spawn(
    _ plan: SpawnPlan, onExit: @escaping (ExitOutcome) -> Void
  ) throws(SpawnError) -> ChildID {
    let started = try plan.start()
    let descriptor = OwnedDescriptor(started.descriptor)
    let id = ChildID(sequence: nextChild)
    nextChild += 1
    do throws(EventLoopError) {
      let watch = try watch(started.descriptor, for: .read) { [unowned self] _ in
        reap(id, onExit)
      }
      children[id] = Child(pid: started.pid, descriptor: descriptor, watch: watch)
    } catch {
      // Nobody would ever hear of its end, so it does not live on.
      _ = csystem_child_signal(started.descriptor, SIGKILL)
      throw .loop(error)
    }
    return id
  }

  /// Sends a signal; false where the process has ended.
  @discardableResult
  public func signal(_ child: ChildID, _ number: Int32) -> Bool {
    guard let child = children[child] else { return false }
    return csystem_child_signal(child.descriptor.descriptor, number) == 0
  }

  /// The process id, for logs; nil where the process has ended. Signal by `ChildID`, never by this.
  public func processID(of child: ChildID) -> Int32? { children[child]?.pid }

  private func reap(_ id: ChildID, _ onExit: (ExitOutcome) -> Void) {
    guard let child = children[id] else { return }
    var code: Int32 = 0
    var signalled: Int32 = 0
    let result = csystem_child_reap(child.descriptor.descriptor, &code, &signalled)
    guard result != 0 else { return }
    unwatch(child.watch)
    children[id] = nil
    // ECHILD: somebody else reaped it, and its outcome is lost; it is not called a success.
    let outcome: ExitOutcome =
      result < 0
      ? .signalled(number: 0) : signalled != 0 ? .signalled(number: code) : .exited(code: code)
    onExit(outcome)
  }
}
