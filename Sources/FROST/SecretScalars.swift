import Crypto

/// A fixed number of secret scalars in memory that is guarded (where the suite's secrets are real) and
/// wiped at the end.
///
/// Loading one copies it to the stack for a computation; the public operations that load call
/// `wipeStack` when they are done.
struct SecretScalars<Suite: CipherSuite>: ~Copyable, Sendable {
  private var memory: SecretMemory
  let count: Int

  /// `count` zeroes; at least one.
  init(count: Int) {
    memory = SecretMemory(
      zeroes: count * MemoryLayout<Suite.Scalar>.stride, guarded: Suite.guardsSecrets)
    self.count = count
    for index in 0..<count { self[index] = .zero }
  }

  init(_ scalar: Suite.Scalar) {
    self.init(count: 1)
    self[0] = scalar
  }

  init(_ first: Suite.Scalar, _ second: Suite.Scalar) {
    self.init(count: 2)
    self[0] = first
    self[1] = second
  }

  private init(memory: consuming SecretMemory, count: Int) {
    self.memory = memory
    self.count = count
  }

  subscript(index: Int) -> Suite.Scalar {
    get {
      precondition(index >= 0 && index < count)
      return memory.withUnsafeBytes {
        $0.loadUnaligned(
          fromByteOffset: index * MemoryLayout<Suite.Scalar>.stride, as: Suite.Scalar.self)
      }
    }
    set {
      precondition(index >= 0 && index < count)
      memory.withUnsafeMutableBytes {
        $0.storeBytes(
          of: newValue, toByteOffset: index * MemoryLayout<Suite.Scalar>.stride,
          as: Suite.Scalar.self)
      }
    }
  }

  borrowing func clone() -> SecretScalars { SecretScalars(memory: memory.clone(), count: count) }
}
