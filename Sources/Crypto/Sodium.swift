import CSodium

/// The one place where libsodium is initialised.
///
/// `sodium_init` is idempotent and thread-safe; every entry point of this module touches `ready` first.
enum Sodium {
  /// True once the library is usable. A library that cannot initialise has no safe generator and no
  /// usable arithmetic, so the process stops rather than go on without.
  static let ready: Bool = {
    precondition(sodium_init() >= 0, "libsodium could not be initialised")
    return true
  }()
}

extension UnsafeRawBufferPointer {
  /// The first byte of a buffer that is known not to be empty.
  var octets: UnsafePointer<UInt8> {
    guard let baseAddress else { preconditionFailure("an empty buffer has no bytes to lend") }
    return baseAddress.assumingMemoryBound(to: UInt8.self)
  }
}

extension UnsafeMutableRawBufferPointer {
  /// The first byte of a buffer that is known not to be empty.
  var octets: UnsafeMutablePointer<UInt8> {
    guard let baseAddress else { preconditionFailure("an empty buffer has no bytes to lend") }
    return baseAddress.assumingMemoryBound(to: UInt8.self)
  }
}
