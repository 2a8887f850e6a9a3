import Crypto

#if SIMULATION
import Mutants
#endif

/// An image by its digest, as a bundle approves it (INV-023, T5.3).
public enum PinnedImage {
  /// The bytes under a name are not what the digest names.
  public struct Mismatch: Error, Equatable, Sendable {
    /// `sha256:<hex>` each.
    public let expected: String
    public let found: String
  }

  /// Holds `bytes` against `digest`, which is `sha256:<hex>`.
  public static func check(_ bytes: [UInt8], against digest: String) throws(Mismatch) {
    #if SIMULATION
    if Mutant.imageUnchecked.isActive { return }
    #endif
    let found = "sha256:" + SHA256.hash(bytes).hex
    guard found == digest else { throw Mismatch(expected: digest, found: found) }
  }
}
