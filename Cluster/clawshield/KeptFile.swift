import Crypto
import FROST
import Host

/// A file that key generation wrote and that a start reads again: what is wrong with it is said of it.
struct KeptFile {
  let path: String

  init(_ path: String) { self.path = path }

  /// The party's share, sealed with the key of the file `keyFile`.
  func share(_ key: borrowing SymmetricKey, in keyFile: String) throws -> KeyPackage<Ed25519SHA512> {
    let sealed = try Files.read(path)
    do {
      return try KeyPackage<Ed25519SHA512>(
        serialized: try SealedSecret.open(sealed, for: ShareFile.purpose, key: key))
    } catch let error as SealedSecretError {
      throw FileError(path: path, reason: "\(error). The key is \(keyFile)")
    } catch {
      throw FileError(path: path, reason: Self.sentence(error, "a party's share"))
    }
  }

  private static func sentence(_ error: any Error, _ what: String) -> String {
    guard case FROSTError.malformed(let expected) = error else { return "expected \(what): \(error)" }
    return "expected \(what), found bytes that are not \(expected)"
  }
}
