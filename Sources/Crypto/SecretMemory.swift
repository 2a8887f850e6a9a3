import CSodium
import Glibc

/// Bytes that are guarded, locked in memory where the system permits, and wiped when they end.
///
/// The bytes live in `sodium_malloc` memory and never move, so no copy is left behind by a move of the
/// owner. Not copyable: who holds it is its one holder.
///
/// `@unchecked Sendable`: the one owner of a C allocation that nothing else points to; writing takes
/// exclusive access, so moving it to another thread moves everything.
public struct SecretMemory: ~Copyable, @unchecked Sendable {
  private let base: UnsafeMutableRawPointer
  private let guarded: Bool
  /// Size in bytes.
  public let count: Int

  /// `count` zero bytes; `count` is at least 1.
  ///
  /// Without `guarded` the bytes are still wiped at the end but lie in ordinary memory: a guarded
  /// block costs several system calls, which only secrets that are real are worth.
  public init(zeroes count: Int, guarded: Bool = true) {
    precondition(Sodium.ready && count > 0)
    guard let base = guarded ? sodium_malloc(count) : malloc(count) else {
      preconditionFailure("no memory left for \(count) secret bytes")
    }
    sodium_memzero(base, count)
    self.base = base
    self.guarded = guarded
    self.count = count
  }

  /// Takes the bytes over and wipes the array they came in.
  public init(consuming bytes: inout [UInt8]) {
    self.init(zeroes: bytes.count)
    bytes.withUnsafeMutableBytes { source in
      if let from = source.baseAddress {
        base.copyMemory(from: from, byteCount: source.count)
        sodium_memzero(from, source.count)
      }
    }
    bytes.removeAll()
  }

  deinit {
    if guarded {
      sodium_free(base)
    } else {
      sodium_memzero(base, count)
      free(base)
    }
  }

  /// Lends the bytes; the pointer ends with the call.
  public borrowing func withUnsafeBytes<R: ~Copyable, E: Error>(
    _ body: (UnsafeRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// Lends the bytes for writing; the pointer ends with the call.
  public mutating func withUnsafeMutableBytes<R: ~Copyable, E: Error>(
    _ body: (UnsafeMutableRawBufferPointer) throws(E) -> R
  ) throws(E) -> R {
    try body(UnsafeMutableRawBufferPointer(start: base, count: count))
  }

  /// A second holder of the same bytes, in guarded memory of its own.
  public borrowing func clone() -> SecretMemory {
    let other = SecretMemory(zeroes: count, guarded: guarded)
    other.base.copyMemory(from: base, byteCount: count)
    return other
  }
}

/// Overwrites the bytes with zeroes and empties the array. Other copies of the array are not reached:
/// the caller holds the only one.
public func wipe(_ bytes: inout [UInt8]) {
  precondition(Sodium.ready)
  bytes.withUnsafeMutableBytes { target in
    if let base = target.baseAddress { sodium_memzero(base, target.count) }
  }
  bytes.removeAll()
}

/// Overwrites the part of the stack that calls made before this one have used, 4 KiB of it: secrets
/// that passed through registers and frames of a finished computation do not linger there.
public func wipeStack() {
  precondition(Sodium.ready)
  sodium_stackzero(4096)
}

/// Comparison that takes the same time wherever the bytes differ.
public func constantTimeEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
  precondition(Sodium.ready)
  guard left.count == right.count else { return false }
  return left.isEmpty || sodium_memcmp(left, right, left.count) == 0
}

/// The operating system's generator, as libsodium reads it. Simulated runs pass another.
public struct SystemRandom: RandomNumberGenerator, Sendable {
  /// The generator.
  public init() { precondition(Sodium.ready) }

  public mutating func next() -> UInt64 {
    var word: UInt64 = 0
    withUnsafeMutableBytes(of: &word) { randombytes_buf($0.octets, $0.count) }
    return word
  }
}

extension RandomNumberGenerator {
  /// `count` bytes, drawn eight at a time.
  public mutating func bytes(_ count: Int) -> [UInt8] {
    var out: [UInt8] = []
    out.reserveCapacity(count)
    while out.count < count {
      var word = next()
      for _ in 0..<min(8, count - out.count) {
        out.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    return out
  }
}
