import Crypto

/// Keys in files: 64 hexadecimal characters and a newline, readable by their owner alone.
public enum KeyFile {
  /// Writes a fresh signing key and gives its public half.
  public static func createSigningKey(
    at path: String, using random: inout some RandomNumberGenerator
  ) throws(FileError) -> PublicKey {
    let key = SigningKey.generate(using: &random)
    var seed = key.seed()
    try Files.write(Hex.encode(seed) + "\n", to: path, mode: 0o600)
    wipe(&seed)
    return key.publicKey
  }

  /// Reads a signing key.
  public static func readSigningKey(_ path: String) throws(FileError) -> SigningKey {
    var seed = try readSecret(path)
    guard let key = SigningKey(seed: &seed) else {
      throw FileError(path: path, reason: "expected a signing key's seed, 64 hexadecimal characters")
    }
    return key
  }

  /// Writes a fresh symmetric key.
  public static func createSymmetricKey(
    at path: String, using random: inout some RandomNumberGenerator
  ) throws(FileError) {
    try Files.write(Hex.encode(random.bytes(SymmetricKey.length)) + "\n", to: path, mode: 0o600)
  }

  /// Reads a symmetric key.
  public static func readSymmetricKey(_ path: String) throws(FileError) -> SymmetricKey {
    var bytes = try readSecret(path)
    guard let key = SymmetricKey(consuming: &bytes) else {
      throw FileError(path: path, reason: "expected a key, 64 hexadecimal characters")
    }
    return key
  }

  private static func readSecret(_ path: String) throws(FileError) -> [UInt8] {
    guard let text = String(validating: try Files.readSecret(path, limit: 4096), as: UTF8.self) else {
      throw FileError(path: path, reason: "expected 64 hexadecimal characters")
    }
    guard let bytes = Hex.decode(text.hasSuffix("\n") ? String(text.dropLast()) : text), bytes.count == 32
    else { throw FileError(path: path, reason: "expected 64 hexadecimal characters") }
    return bytes
  }
}
