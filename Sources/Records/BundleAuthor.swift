import Canonical
import Crypto

/// Who wrote a bundle: the file `author.json` in it, a signature block over the bundle's other files.
///
/// ```
/// openexec/v1/bundle
/// <hash by ruling 2 of the bundle without author.json>
/// ```
/// without a newline at the end, by a key that the ledger has enrolled for a person. It names no cluster: a
/// bundle is written before there is one, and serves several. The bundle's own hash covers `author.json` like
/// every other file, so that what people sign and what a token names says who wrote it too, and a signature
/// that is stripped is another bundle.
///
/// OPA's `.signatures.json` is a JSON web token, whose header says which algorithm to believe; there is one
/// here.
public enum BundleAuthor {
  /// The file.
  public static let path = "author.json"
  /// The namespace of OpenSSH signatures under bundles.
  public static let sshNamespace = "openexec-bundle"

  /// What the author signs.
  public static func signedBytes(contents: Digest) -> [UInt8] {
    Array("openexec/v1/bundle\n\(contents.hex)".utf8)
  }

  /// The file's text.
  public static func text(_ line: StatementSignature) -> String { line.json.canonical + "\n" }

  /// Reads the file.
  static func read(_ text: String) throws(RecordError) -> StatementSignature {
    let value: JSON
    do {
      value = try JSON.parse(text)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(value, at: path)
    let line = try StatementSignature(from: &fields)
    try fields.finish()
    return line
  }
}

extension PolicyBundle {
  /// The bundle with its author's signature in place of any that it had.
  public func authored(by author: Principal, with key: borrowing SigningKey) throws(RecordError)
    -> PolicyBundle
  {
    let signature = key.sign(BundleAuthor.signedBytes(contents: contentsHash))
    return try authored(StatementSignature(by: author, key: key.publicKey, signature: signature))
  }

  /// The bundle with this signature block as its author's.
  public func authored(_ line: StatementSignature) throws(RecordError) -> PolicyBundle {
    let others = files.filter { $0.path != BundleAuthor.path }
    return try PolicyBundle(files: others + [(BundleAuthor.path, BundleAuthor.text(line))])
  }

  /// Whether the author that it names has signed what is in it; whether the key is theirs is the ledger's to
  /// say.
  public var isAuthentic: Bool {
    author?.verifies(BundleAuthor.signedBytes(contents: contentsHash), namespace: BundleAuthor.sshNamespace)
      ?? false
  }
}
