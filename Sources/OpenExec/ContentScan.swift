#if SIMULATION
import Mutants
#endif

/// What a stream's content looks like.
public struct ContentFindings: Equatable, Sendable {
  /// The shape of a credential: a private key, a cloud's access key, a token of a well-known issuer.
  public var hasCredential = false
  /// Data about a person: an address of mail, a payment card, a bank account, a social security number.
  public var hasPersonalData = false

  /// Nothing found.
  public init() {}

  /// What either has found.
  public mutating func join(_ other: ContentFindings) {
    hasCredential = hasCredential || other.hasCredential
    hasPersonalData = hasPersonalData || other.hasPersonalData
  }
}

/// Looks for the shapes of credentials and personal data in a stream (INV-011, T3.1), in whatever pieces it comes.
///
/// Deterministic and linear: each byte ends up in at most one word and one number, both bounded. It flags; it takes
/// nothing out, since a shape is no proof. What is compressed, encrypted or written in another way passes unseen.
public struct ContentScan: Sendable {
  public private(set) var findings = ContentFindings()
  /// The run of bytes without space, quote or bracket that is under way; longer ones are looked at by their beginning.
  private var word: [UInt8] = []
  private static let maximumWord = 512
  /// Digits of a number that may be grouped by single spaces or dashes, and its group lengths.
  private var digits: [UInt8] = []
  private var groups: [Int] = []
  private static let maximumGroups = 8
  private static let maximumDigits = 40
  private var previous: UInt8 = 0
  /// Progress in the marker of a private key.
  private var marked = 0
  private static let marker = Array("PRIVATE KEY-----".utf8)

  /// A scan of nothing yet.
  public init() {}

  /// Takes the next bytes.
  public mutating func pass(_ bytes: [UInt8]) {
    #if SIMULATION
    if Mutant.contentUnscanned.isActive { return }
    #endif
    if findings.hasCredential, findings.hasPersonalData { return }
    for byte in bytes {
      follow(marker: byte)
      follow(number: byte)
      if ContentScan.isOfWord(byte) {
        if word.count < ContentScan.maximumWord { word.append(byte) }
      } else {
        endWord()
      }
      previous = byte
    }
  }

  /// The end of the stream.
  public mutating func finish() {
    endNumber()
    endWord()
  }

  // MARK: Private keys

  /// No beginning of the marker comes again within it but its first letter and its dashes, so a miss goes back to the
  /// start.
  private mutating func follow(marker byte: UInt8) {
    if byte == ContentScan.marker[marked] {
      marked += 1
      if marked == ContentScan.marker.count {
        findings.hasCredential = true
        marked = 0
      }
    } else {
      marked = byte == ContentScan.marker[0] ? 1 : 0
    }
  }

  // MARK: Numbers

  private mutating func follow(number byte: UInt8) {
    if ContentScan.isDigit(byte) {
      if digits.isEmpty {
        // A number within a word, or behind a point, is part of something else.
        guard !ContentScan.isLetter(previous), !ContentScan.isDigit(previous), previous != UInt8(ascii: ".")
        else {
          return
        }
        groups = [0]
      } else if !ContentScan.isDigit(previous), groups.count <= ContentScan.maximumGroups {
        groups.append(0)
      }
      guard digits.count < ContentScan.maximumDigits, groups.count <= ContentScan.maximumGroups else {
        return
      }
      digits.append(byte - 0x30)
      groups[groups.count - 1] += 1
    } else if !digits.isEmpty {
      let isFull = digits.count == ContentScan.maximumDigits || groups.count > ContentScan.maximumGroups
      let isGap = (byte == 0x20 || byte == 0x2D) && ContentScan.isDigit(previous) && !isFull
      if !isGap { endNumber(before: ContentScan.isDigit(previous) ? byte : 0x20) }
    }
  }

  private mutating func endNumber(before byte: UInt8 = 0) {
    defer {
      digits.removeAll(keepingCapacity: true)
      groups.removeAll(keepingCapacity: true)
    }
    guard !digits.isEmpty, !ContentScan.isLetter(byte) else { return }
    if hasCard { findings.hasPersonalData = true }
    if groups == [3, 2, 4], digits.count == 9, ContentScan.isSocialSecurity(digits) {
      findings.hasPersonalData = true
    }
  }

  /// Whether some groups that follow each other are a card's number: one run of digits, or groups of at least four, as
  /// cards have them. Other numbers may stand before and after.
  private var hasCard: Bool {
    var start = 0
    for first in groups.indices {
      var end = start
      for last in first..<groups.count {
        end += groups[last]
        guard last == first || groups[last - 1] >= 4 else { break }
        guard end - start <= 19 else { break }
        let number = digits[start..<end]
        if number.count >= 13, number.first != 0, ContentScan.isLuhn(number) { return true }
      }
      start += groups[first]
    }
    return false
  }

  private static func isLuhn(_ digits: ArraySlice<UInt8>) -> Bool {
    var sum = 0
    for (position, digit) in digits.reversed().enumerated() {
      let weighted = position % 2 == 1 ? Int(digit) * 2 : Int(digit)
      sum += weighted > 9 ? weighted - 9 : weighted
    }
    // All of one digit is a placeholder.
    return sum % 10 == 0 && digits.contains { $0 != digits.first }
  }

  /// Numbers that were never given out are none.
  private static func isSocialSecurity(_ digits: [UInt8]) -> Bool {
    let area = digits[..<3].reduce(0) { $0 * 10 + Int($1) }
    return area != 0 && area != 666 && area < 900 && digits[3...4] != [0, 0]
      && digits[5...8].contains { $0 != 0 }
  }

  // MARK: Words

  private mutating func endWord() {
    guard !word.isEmpty else { return }
    // What stands at the end of a sentence, or after a name and a sign, is looked at alone.
    for part in word.split(whereSeparator: { $0 == 0x3D || $0 == 0x3A || $0 == 0x2F || $0 == 0x26 }) {
      judge(Array(part))
    }
    word.removeAll(keepingCapacity: true)
  }

  private mutating func judge(_ part: [UInt8]) {
    if part.count >= 16, ContentScan.isCredential(part) { findings.hasCredential = true }
    if ContentScan.isMail(part) || ContentScan.isAccount(part) { findings.hasPersonalData = true }
  }

  /// What the tokens of well-known issuers begin with, and how many letters, digits and signs follow at least.
  private static let prefixes: [(text: StaticString, rest: Int)] = [
    ("AKIA", 16), ("ASIA", 16), ("ghp_", 36), ("gho_", 36), ("ghs_", 36), ("github_pat_", 22), ("glpat-", 20),
    ("xoxb-", 20), ("xoxp-", 20), ("sk-", 32), ("sk_live_", 20), ("rk_live_", 20), ("AIza", 35), ("npm_", 36),
    ("hvs.", 24),
  ]

  private static func isCredential(_ word: [UInt8]) -> Bool {
    for (text, rest) in prefixes {
      let prefix = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
      guard word.starts(with: prefix) else { continue }
      let following = word[prefix.count...].prefix { isLetter($0) || isDigit($0) || $0 == 0x2D || $0 == 0x5F }
      if following.count >= rest { return true }
    }
    // A signed JSON Web Token: three parts, the first of which begins as `{"` does in base64.
    let parts = word.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    return parts.count == 3 && parts[0].starts(with: Array("eyJ".utf8)) && parts[0].count >= 16
      && parts[1].starts(with: Array("eyJ".utf8)) && parts[2].count >= 20
  }

  private static func isMail(_ word: [UInt8]) -> Bool {
    guard let at = word.firstIndex(of: UInt8(ascii: "@")), at > 0 else { return false }
    let host = word[(at + 1)...].prefix { isLetter($0) || isDigit($0) || $0 == 0x2D || $0 == 0x2E }
    let labels = host.split(separator: UInt8(ascii: "."))
    guard labels.count >= 2, let last = labels.last else { return false }
    return isLetter(word[at - 1]) || isDigit(word[at - 1])
      ? last.count >= 2 && last.allSatisfy(isLetter) : false
  }

  /// An IBAN without spaces: country, two check digits, and ISO 7064's remainder.
  private static func isAccount(_ word: [UInt8]) -> Bool {
    guard (15...34).contains(word.count), word[..<2].allSatisfy({ (0x41...0x5A).contains($0) }),
      word[2...3].allSatisfy(isDigit), word.allSatisfy({ isDigit($0) || (0x41...0x5A).contains($0) })
    else { return false }
    var remainder = 0
    for byte in word[4...] + word[..<4] {
      remainder =
        isDigit(byte)
        ? (remainder * 10 + Int(byte - 0x30)) % 97 : (remainder * 100 + Int(byte - 55)) % 97
    }
    return remainder == 1
  }

  private static func isOfWord(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x21, 0x23...0x26, 0x2A, 0x2B, 0x2D...0x3A, 0x3D, 0x3F...0x5A, 0x5E...0x7A, 0x7E: true
    default: false
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }
}
