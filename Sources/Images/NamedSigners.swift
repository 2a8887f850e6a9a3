import Crypto

/// Why a list of signers is none, in words for whom wrote it.
public struct SignerListFault: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String
}

extension DemandedSigners {
  /// What a configuration may name.
  public static let expected =
    "a list of 1 to \(most) different Ed25519 keys, each 64 hexadecimal characters, or a file's path with that or a key in "
    + "OpenSSH's form in it"

  /// Reads a list as a configuration has it.
  ///
  /// - Parameters:
  ///   - names: keys in hexadecimal, or names of files.
  ///   - read: the text of a file of that name; nil where there is none that can be read.
  public init(named names: [String], reading read: (String) -> String?) throws(SignerListFault) {
    guard (1...Self.most).contains(names.count) else {
      throw SignerListFault(description: "expected \(Self.expected), found \(names.count)")
    }
    var keys: [PublicKey] = []
    for name in names {
      guard let key = PublicKey(hex: name) ?? read(name).flatMap(Self.key) else {
        throw SignerListFault(description: "expected \(Self.expected), found \(name.prefix(80))")
      }
      guard !keys.contains(key) else {
        throw SignerListFault(
          description: "expected \(Self.expected), found \(name.prefix(80)), the key \(key.hex), twice")
      }
      keys.append(key)
    }
    self.init(keys)
  }

  private static func key(in text: String) -> PublicKey? {
    var text = text
    if text.hasSuffix("\n") { text.removeLast() }
    return PublicKey(hex: text) ?? (try? PublicKey(openSSH: text))
  }
}
