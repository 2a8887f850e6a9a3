import Crypto
import EventLoop
import Glibc
import Records

/// What the host tells the program.
enum Environment {
  /// A variable that is set and not empty.
  static func value(_ name: String) -> String? {
    guard let pointer = getenv(name) else { return nil }
    let text = String(cString: pointer)
    return text.isEmpty ? nil : text
  }

  /// The clock.
  static var now: Timestamp { Timestamp(nanoseconds: WallInstant.now.nanoseconds) ?? .epoch }

  /// Waits between two looks at what other processes bring about; `claw` has nothing else to do meanwhile.
  static func pause(milliseconds: UInt32) { usleep(milliseconds * 1000) }

  /// A fresh name: 32 hexadecimal characters.
  static func freshID() -> String {
    var random = SystemRandom()
    return Hex.encode(random.bytes(16))
  }
}
