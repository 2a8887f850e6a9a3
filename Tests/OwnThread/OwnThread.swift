import Dispatch
import Foundation
import Synchronization

/// Runs `body` on a thread of its own, which may leave namespaces of the process and takes what it starts with it; throws
/// what `body` throws.
public func onThreadOfItsOwn(_ body: @escaping @Sendable () throws -> Void) throws {
  let failure = Mutex<(any Error)?>(nil)
  let done = DispatchSemaphore(value: 0)
  let thread = Thread {
    do { try body() } catch { failure.withLock { $0 = error } }
    done.signal()
  }
  thread.stackSize = 8 << 20
  thread.start()
  done.wait()
  if let error = failure.withLock({ $0 }) { throw error }
}
