import COpenSSL

/// Hash functions by name, for what others have written down with them. Nothing of this project's own is hashed or signed with
/// MD5 or SHA-1.
public enum DigestFunction: String, Sendable, CaseIterable {
  case md5, sha1, sha256, sha512

  private var implementation: OpaquePointer? {
    switch self {
    case .md5: EVP_md5()
    case .sha1: EVP_sha1()
    case .sha256: EVP_sha256()
    case .sha512: EVP_sha512()
    }
  }

  /// The digest of `bytes`.
  public func hash(_ bytes: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 64)
    var count: UInt32 = 0
    let code = EVP_Digest(bytes, bytes.count, &out, &count, implementation, nil)
    precondition(code == 1, "OpenSSL has \(rawValue)")
    return Array(out.prefix(Int(count)))
  }

  /// HMAC (RFC 2104) of `bytes` under `key`.
  public func authenticate(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
    var out = [UInt8](repeating: 0, count: 64)
    var count: UInt32 = 0
    let made = HMAC(implementation, key, Int32(key.count), bytes, bytes.count, &out, &count)
    precondition(made != nil, "OpenSSL has \(rawValue)")
    return Array(out.prefix(Int(count)))
  }
}
