import Crypto

/// Why a signed note is not acceptable.
public enum NoteError: Error, Equatable, Sendable, CustomStringConvertible {
  case malformed(String)
  /// No line is signed by a known key.
  case unsigned
  /// A line that names a known key does not verify.
  case badSignature(name: String)

  public var description: String {
    switch self {
    case .malformed(let what): "note: \(what)"
    case .unsigned: "note: not signed by a known key"
    case .badSignature(let name): "note: the signature of \(name) does not verify"
    }
  }
}

/// Who a note's signature is checked against: C2SP signed-note, key type 0x01 (Ed25519).
public struct NoteVerifier: Hashable, Sendable {
  /// The key's name, without spaces and without `+`.
  public let name: String
  /// The key.
  public let key: PublicKey
  /// SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)[..<4].
  public let keyID: [UInt8]

  /// Nil where the name is empty or has a space, a `+` or a control character.
  public init?(name: String, key: PublicKey) {
    guard !name.isEmpty, name.unicodeScalars.allSatisfy(Self.isAllowed) else { return nil }
    self.name = name
    self.key = key
    var hash = SHA256()
    hash.update(name)
    hash.update([0x0A, 0x01])
    hash.update(key.bytes)
    keyID = Array(hash.finalize().bytes.prefix(4))
  }

  private static func isAllowed(_ scalar: Unicode.Scalar) -> Bool {
    scalar.isASCII ? scalar.value > 0x20 && scalar != "+" : !scalar.properties.isWhitespace
  }

  /// Reads the verifier key text `name+hex(keyID)+base64(type ‖ key)`; nil for anything else.
  public init?(text: String) {
    // Base64 has plus signs of its own.
    let parts = text.split(separator: "+", maxSplits: 2, omittingEmptySubsequences: false)
    guard parts.count == 3, let material = Base64.decode(String(parts[2])), material.first == 0x01,
      let key = PublicKey(material.dropFirst()),
      let verifier = NoteVerifier(name: String(parts[0]), key: key),
      Hex.encode(verifier.keyID) == parts[1]
    else { return nil }
    self = verifier
  }

  /// The verifier key text.
  public var text: String {
    "\(name)+\(Hex.encode(keyID))+\(Base64.encode([0x01] + key.bytes))"
  }
}

#if SIMULATION
private let notes = Remembered<RememberedBytes, SignedNote>(capacity: 1024)
#endif

/// A text and the signatures under it (C2SP signed-note).
public struct SignedNote: Hashable, Sendable {
  /// One signature line.
  public struct SignatureLine: Hashable, Sendable {
    /// The key's name.
    public let name: String
    /// The four bytes that tell keys of one name apart.
    public let keyID: [UInt8]
    /// What follows the key id; for Ed25519 64 bytes.
    public let signature: [UInt8]

    var text: String { "\u{2014} \(name) \(Base64.encode(keyID + signature))\n" }
  }

  /// The signed text; ends in a newline.
  public let text: String
  /// At least one, in order.
  public let signatures: [SignatureLine]

  /// Most signature lines that are read.
  public static let maximumSignatures = 64
  /// Longest note that is read, in bytes.
  public static let maximumBytes = 64 << 10

  /// A note with one Ed25519 signature.
  public init(text: String, verifier: NoteVerifier, signature: Signature) {
    self.text = text
    signatures = [
      SignatureLine(name: verifier.name, keyID: verifier.keyID, signature: signature.bytes)
    ]
  }

  /// A note with one signature of any kind: `signature` follows the key id.
  public init(text: String, name: String, keyID: [UInt8], signature: [UInt8]) {
    self.text = text
    signatures = [SignatureLine(name: name, keyID: keyID, signature: signature)]
  }

  /// Reads a note. No signature is checked yet.
  public init(parsing bytes: [UInt8]) throws(NoteError) {
    #if SIMULATION
    self = try notes(RememberedBytes(bytes)) { () throws(NoteError) in try SignedNote(reading: bytes) }
    #else
    try self.init(reading: bytes)
    #endif
  }

  private init(reading bytes: [UInt8]) throws(NoteError) {
    guard bytes.count <= SignedNote.maximumBytes else {
      throw .malformed("longer than \(SignedNote.maximumBytes) bytes")
    }
    guard let whole = String(validating: bytes, as: UTF8.self) else { throw .malformed("invalid UTF-8") }
    guard !bytes.contains(where: { $0 < 0x20 && $0 != 0x0A }) else {
      throw .malformed("control characters other than newline")
    }
    guard bytes.last == 0x0A else { throw .malformed("expected a newline at the end") }
    // The last empty line parts text and signatures.
    var separator: Int?
    for position in stride(from: bytes.count - 2, through: 1, by: -1)
    where bytes[position] == 0x0A && bytes[position - 1] == 0x0A {
      separator = position
      break
    }
    guard let separator else { throw .malformed("expected an empty line before the signatures") }
    text = String(decoding: bytes[..<separator], as: UTF8.self)
    precondition(whole.utf8.count == bytes.count)
    var lines: [SignatureLine] = []
    for line in bytes[(separator + 1)...].split(separator: 0x0A, omittingEmptySubsequences: false)
      .dropLast()
    {
      guard lines.count < SignedNote.maximumSignatures else {
        throw .malformed("more than \(SignedNote.maximumSignatures) signatures")
      }
      lines.append(try SignedNote.signatureLine(String(decoding: line, as: UTF8.self)))
    }
    guard !lines.isEmpty else { throw .malformed("expected a signature line") }
    signatures = lines
  }

  private static func signatureLine(_ line: String) throws(NoteError) -> SignatureLine {
    let parts = line.parts(separatedBy: UInt8(ascii: " "))
    guard parts.count == 3, parts[0].utf8.elementsEqual("\u{2014}".utf8), !parts[1].isEmpty,
      !parts[1].utf8.contains(UInt8(ascii: "+")), let blob = Base64.decode(parts[2]), blob.count > 4
    else { throw .malformed("expected '\u{2014} name base64' in a signature line") }
    return SignatureLine(name: parts[1], keyID: Array(blob.prefix(4)), signature: Array(blob.dropFirst(4)))
  }

  /// The note as text.
  public var encoded: String { text + "\n" + signatures.map(\.text).joined() }

  /// Checks the note against known keys: unknown keys are ignored, but a known key's signature must
  /// verify, and there must be one. Returns the verifiers that signed.
  @discardableResult
  public func verify(_ verifiers: [NoteVerifier]) throws(NoteError) -> [NoteVerifier] {
    var signed: [NoteVerifier] = []
    let message = Array(text.utf8)
    for line in signatures {
      guard let verifier = verifiers.first(where: { $0.name == line.name && $0.keyID == line.keyID })
      else { continue }
      guard let signature = Signature(line.signature), verifier.key.verifies(signature, over: message)
      else { throw .badSignature(name: line.name) }
      if !signed.contains(verifier) { signed.append(verifier) }
    }
    guard !signed.isEmpty else { throw .unsigned }
    return signed
  }
}
