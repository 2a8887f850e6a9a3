import Foundation
import Network
import Synchronization

/// Hands an address from the thread that listens to the one that connects.
final class AddressBox: Sendable {
  private let address = Mutex<SocketAddress?>(nil)
  private let ready = DispatchSemaphore(value: 0)

  func put(_ value: SocketAddress?) {
    address.withLock { $0 = value }
    ready.signal()
  }

  /// nil where none came in ten seconds.
  func wait() -> SocketAddress? {
    _ = ready.wait(timeout: .now() + 10)
    return address.withLock { $0 }
  }
}
