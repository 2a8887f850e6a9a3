/// A signature in OpenSSH's SSHSIG format, as `ssh-keygen -Y sign` writes it (OpenSSH
/// `PROTOCOL.sshsig`), by an Ed25519 key.
///
/// Verification only: people sign with their own tools, and their keys never come here.
public struct SSHSignature: Equatable, Sendable {
  /// The hash that the message went through before it was signed.
  public enum HashAlgorithm: String, Sendable {
    case sha256
    case sha512
  }

  /// The key that the signature claims to be of. A claim: compare it with an enrolled one.
  public let publicKey: PublicKey
  /// What the signature is for, such as `openexec-ballot`; never empty.
  public let namespace: String
  /// The message's hash.
  public let hashAlgorithm: HashAlgorithm
  /// The Ed25519 signature over the SSHSIG statement.
  public let signature: Signature
  /// Reserved by the format; covered by the signature.
  private let reserved: [UInt8]

  /// The longest blob and the longest armoured text that are parsed, in bytes.
  public static let maximumLength = 4096

  private static let magic = Array("SSHSIG".utf8)
  private static let keyType = "ssh-ed25519"

  /// A signature from its parts, with nothing in the reserved field, as `ssh-keygen` makes them.
  public init(
    publicKey: PublicKey, namespace: String, hashAlgorithm: HashAlgorithm, signature: Signature
  ) {
    self.publicKey = publicKey
    self.namespace = namespace
    self.hashAlgorithm = hashAlgorithm
    self.signature = signature
    reserved = []
  }

  /// Whether its parts are all there is: nothing stands in the reserved field.
  public var isPlain: Bool { reserved.isEmpty }

  /// The armoured form, as `ssh-keygen -Y verify` reads it.
  public var armored: String {
    let type = Array(SSHSignature.keyType.utf8)
    var blob = SSHSignature.magic + [0, 0, 0, 1]
    for field in [
      Self.field(type) + Self.field(publicKey.bytes), Array(namespace.utf8), reserved,
      Array(hashAlgorithm.rawValue.utf8), Self.field(type) + Self.field(signature.bytes),
    ] { blob += Self.field(field) }
    let text = Array(Base64.encode(blob).utf8)
    var lines: [String] = []
    for start in stride(from: 0, to: text.count, by: 70) {
      lines.append(String(decoding: text[start..<min(start + 70, text.count)], as: UTF8.self))
    }
    return "-----BEGIN SSH SIGNATURE-----\n\(lines.joined(separator: "\n"))\n-----END SSH SIGNATURE-----\n"
  }

  /// Parses the binary form.
  public init(blob: [UInt8]) throws(SSHSignatureError) {
    guard blob.count <= SSHSignature.maximumLength else { throw .tooLong(blob.count) }
    var reader = SSHReader(blob)
    guard try reader.take(SSHSignature.magic.count) == SSHSignature.magic else {
      throw .notAnSSHSignature
    }
    let version = try reader.uint32()
    guard version == 1 else { throw .unsupportedVersion(version) }
    publicKey = try SSHSignature.key(in: try reader.string())
    let namespace = try reader.text()
    guard !namespace.isEmpty else { throw .emptyNamespace }
    self.namespace = namespace
    reserved = try reader.string()
    let hash = try reader.text()
    guard let algorithm = HashAlgorithm(rawValue: hash) else { throw .unsupportedHash(hash) }
    hashAlgorithm = algorithm
    var inner = SSHReader(try reader.string())
    try reader.end()
    let type = try inner.text()
    guard type == SSHSignature.keyType else { throw .unsupportedKeyType(type) }
    guard let signature = Signature(try inner.string()) else { throw .malformed }
    try inner.end()
    self.signature = signature
  }

  /// Parses the armoured form, `-----BEGIN SSH SIGNATURE-----` and so on. Lines may end in CRLF; nothing
  /// but line ends may stand before or behind.
  public init(armored text: String) throws(SSHSignatureError) {
    guard text.utf8.count <= SSHSignature.maximumLength else { throw .tooLong(text.utf8.count) }
    var lines = text.utf8.split(omittingEmptySubsequences: true) { $0 == 10 || $0 == 13 }
    guard lines.count >= 3,
      lines.removeFirst().elementsEqual("-----BEGIN SSH SIGNATURE-----".utf8),
      lines.removeLast().elementsEqual("-----END SSH SIGNATURE-----".utf8),
      let blob = Base64.decode(String(decoding: lines.joined(), as: UTF8.self))
    else { throw .notAnSSHSignature }
    try self.init(blob: blob)
  }

  /// Checks that this is `key`'s signature over `message` for `namespace`.
  ///
  /// The namespace keeps a signature made for one purpose from serving another.
  public func verify(
    _ message: [UInt8], namespace: String, key: PublicKey
  ) throws(SSHSignatureError) {
    guard self.namespace == namespace else {
      throw .wrongNamespace(expected: namespace, found: self.namespace)
    }
    guard publicKey == key else { throw .wrongKey }
    guard key.verifies(signature, over: statement(of: message)) else { throw .invalid }
  }

  /// What the key signed: magic, namespace, reserved, hash name, hash.
  private func statement(of message: [UInt8]) -> [UInt8] {
    let hash =
      switch hashAlgorithm {
      case .sha256: SHA256.hash(message).bytes
      case .sha512: SHA512.hash(message)
      }
    var bytes = SSHSignature.magic
    for field in [Array(namespace.utf8), reserved, Array(hashAlgorithm.rawValue.utf8), hash] {
      bytes += Self.field(field)
    }
    return bytes
  }

  /// A string of the SSH wire format (RFC 4251 §5): its length, then its bytes.
  private static func field(_ bytes: [UInt8]) -> [UInt8] {
    let count = UInt32(bytes.count)
    return [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) } + bytes
  }

  fileprivate static func key(in blob: [UInt8]) throws(SSHSignatureError) -> PublicKey {
    var reader = SSHReader(blob)
    let type = try reader.text()
    guard type == keyType else { throw .unsupportedKeyType(type) }
    guard let key = PublicKey(try reader.string()) else { throw .malformed }
    try reader.end()
    return key
  }
}

extension PublicKey {
  /// Reads a line of an OpenSSH public key file: `ssh-ed25519 <base64> [comment]`.
  public init(openSSH line: String) throws(SSHSignatureError) {
    guard line.utf8.count <= SSHSignature.maximumLength else { throw .tooLong(line.utf8.count) }
    let fields = line.split(whereSeparator: \.isWhitespace)
    guard fields.count >= 2 else { throw .malformed }
    guard fields[0] == "ssh-ed25519" else { throw .unsupportedKeyType(String(fields[0])) }
    guard let blob = Base64.decode(String(fields[1])) else { throw .malformed }
    self = try SSHSignature.key(in: blob)
  }
}

/// Why an OpenSSH signature or key was refused.
public enum SSHSignatureError: Error, Equatable, Sendable {
  /// Longer than `SSHSignature.maximumLength`; the bytes found.
  case tooLong(Int)
  /// Neither the armour nor the magic bytes of SSHSIG.
  case notAnSSHSignature
  /// A version other than 1.
  case unsupportedVersion(UInt32)
  /// A key that is not `ssh-ed25519`.
  case unsupportedKeyType(String)
  /// A hash other than `sha256` and `sha512`.
  case unsupportedHash(String)
  /// The format asks for a namespace.
  case emptyNamespace
  /// A length, key or encoding inside is wrong.
  case malformed
  /// Signed for something else.
  case wrongNamespace(expected: String, found: String)
  /// Signed by another key than the expected one.
  case wrongKey
  /// The signature does not verify over this message.
  case invalid
}

/// Reads the SSH wire format (RFC 4251 §5).
private struct SSHReader {
  private let bytes: [UInt8]
  private var position = 0

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func take(_ count: Int) throws(SSHSignatureError) -> [UInt8] {
    guard bytes.count - position >= count else { throw .malformed }
    defer { position += count }
    return Array(bytes[position..<position + count])
  }

  mutating func uint32() throws(SSHSignatureError) -> UInt32 {
    try take(4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  mutating func string() throws(SSHSignatureError) -> [UInt8] {
    try take(Int(try uint32()))
  }

  mutating func text() throws(SSHSignatureError) -> String {
    guard let text = String(validating: try string(), as: UTF8.self) else { throw .malformed }
    return text
  }

  func end() throws(SSHSignatureError) {
    guard position == bytes.count else { throw .malformed }
  }
}
