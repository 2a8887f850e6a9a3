import CSodium

/// The one place where libsodium is initialised.
///
/// `sodium_init` is idempotent and thread-safe; every entry point of this module touches `ready` first.
enum Sodium {
  /// True once the library is usable. A library that cannot initialise has no safe generator and no
  /// usable arithmetic, so the process stops rather than go on without.
  static let ready: Bool = {
    precondition(sodium_init() >= 0, "libsodium could not be initialised")
    precondition(
      subgroupCheckWorks(),
      "this libsodium accepts points outside the prime-order subgroup (CVE-2025-69277): update it")
    return true
  }()

  /// Whether the base point is accepted, and the base point plus the point of order two refused.
  ///
  /// An unpatched 1.0.18 accepts the second, and every subgroup check of this program rests on the
  /// library's answer.
  private static func subgroupCheckWorks() -> Bool {
    var base = [UInt8](repeating: 0x66, count: 32)
    base[0] = 0x58
    var orderTwo = [UInt8](repeating: 0xFF, count: 32)
    orderTwo[0] = 0xEC
    orderTwo[31] = 0x7F
    var mixed = [UInt8](repeating: 0, count: 32)
    return crypto_core_ed25519_add(&mixed, base, orderTwo) == 0
      && crypto_core_ed25519_is_valid_point(base) == 1
      && crypto_core_ed25519_is_valid_point(orderTwo) == 0
      && crypto_core_ed25519_is_valid_point(mixed) == 0
  }
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
