import Crypto
import Glibc
import Records

/// A text that stands in what is one agent's alone, and that is looked for in whatever anybody else gets.
struct Canary: Hashable, Sendable {
  /// What of its agent's holds it.
  enum Place: String, Hashable, Sendable, CaseIterable {
    case parameters, file, result
  }

  let agent: Principal
  let place: Place
  /// ASCII.
  let text: String
}

/// Every agent's canaries, and how to find them: as they are, in hexadecimal, and in base64 wherever in it they begin.
///
/// All begin with the same word, so that a text without any is read once for each form and no more.
struct CanaryBook: Sendable {
  private static let word = "canary"
  private struct Form: Sendable {
    let first: [UInt8]
    /// One for each canary, in their order.
    let whole: [[UInt8]]
  }

  /// Of each agent in turn: parameters, file, result.
  let canaries: [Canary]
  private let forms: [Form]

  /// The canaries of `agents`, drawn from `seed`.
  init(of agents: [Principal], seed: UInt64) {
    canaries = agents.enumerated().flatMap { position, agent in
      Canary.Place.allCases.enumerated().map { kind, place in
        let name = UInt64(position) << 8 | UInt64(kind)
        var random = SeededRandom(seed: seed, for: .canary, named: name, log: nil)
        return Canary(agent: agent, place: place, text: Self.word + Hex.encode(random.bytes(12)))
      }
    }
    let texts = canaries.map { Array($0.text.utf8) }
    forms = Self.encodings.map { encode in
      Form(first: encode(Array(Self.word.utf8)), whole: texts.map(encode))
    }
  }

  /// A canary's text.
  func text(_ agent: Principal, _ place: Canary.Place) -> String {
    canaries.first { $0.agent == agent && $0.place == place }?.text ?? ""
  }

  /// How a text may stand in another.
  static let encodings: [@Sendable ([UInt8]) -> [UInt8]] = [
    { $0 }, { Array(Hex.encode($0).utf8) }, { Array(Hex.encode($0).uppercased().utf8) },
    { base64($0, after: 0) }, { base64($0, after: 1) }, { base64($0, after: 2) },
  ]

  /// What of the base64 of a text that stands `offset` bytes after the beginning of a group depends on it alone.
  private static func base64(_ bytes: [UInt8], after offset: Int) -> [UInt8] {
    let all = [UInt8](repeating: 0, count: offset) + bytes
    let text = Array(Base64.encode(all).utf8)
    let firstWhole = (offset * 8 + 5) / 6
    return Array(text[firstWhole..<(all.count * 8 / 6)])
  }

  /// The canaries in `bytes`, in the order of the book.
  func found(in bytes: [UInt8]) -> [Canary] {
    let present = forms.filter { Self.contains(bytes, $0.first) }
    guard !present.isEmpty else { return [] }
    return canaries.indices.filter { position in
      present.contains { Self.contains(bytes, $0.whole[position]) }
    }.map { canaries[$0] }
  }

  static func contains(_ bytes: [UInt8], _ wanted: [UInt8]) -> Bool {
    guard let first = wanted.first, bytes.count >= wanted.count else { return false }
    return bytes.withUnsafeBytes { all in
      wanted.withUnsafeBytes { wanted in
        guard var start = all.baseAddress, let word = wanted.baseAddress else { return false }
        let end = start + (all.count - wanted.count + 1)
        while start < end, let found = memchr(start, Int32(first), end - start) {
          if memcmp(found, word, wanted.count) == 0 { return true }
          start = UnsafeRawPointer(found) + 1
        }
        return false
      }
    }
  }
}
