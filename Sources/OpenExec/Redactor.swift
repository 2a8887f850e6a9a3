import Crypto

#if SIMULATION
import Mutants
#endif

/// A secret as an executor has it for one run.
public struct RunSecret: Equatable, Sendable {
  public let name: String
  public let value: [UInt8]

  /// The shortest value: what is shorter would be found everywhere.
  public static let minimumBytes = 8
  /// The longest value, and the most bytes of all secrets of a run.
  public static let maximumBytes = 16 << 10

  /// A secret.
  public init(name: String, value: [UInt8]) {
    self.name = name
    self.value = value
  }

  /// Texts that give the value away: itself, base64 in its three alignments (both alphabets), hexadecimal (both
  /// cases), and with percent signs for what URLs escape, and for every byte (both cases).
  var forms: [[UInt8]] {
    var forms = [value]
    for alignment in 0..<3 {
      let form = RunSecret.base64(value, after: alignment)
      forms.append(form)
      forms.append(
        form.map { byte in
          byte == UInt8(ascii: "+") ? UInt8(ascii: "-") : byte == UInt8(ascii: "/") ? UInt8(ascii: "_") : byte
        })
    }
    let lower = Array(Hex.encode(value).utf8)
    forms += [lower, RunSecret.upper(lower)]
    for upper in [true, false] {
      forms.append(RunSecret.escaped(value, upper: upper) { !isUnreserved($0) })
      forms.append(RunSecret.escaped(value, upper: upper) { _ in true })
    }
    return forms
  }

  /// The characters that `value` alone decides, where `count` unknown bytes come before it.
  private static func base64(_ value: [UInt8], after count: Int) -> [UInt8] {
    let text = Array(Base64.encode([UInt8](repeating: 0, count: count) + value).utf8)
    let first = (count * 8 + 5) / 6
    let last = (count + value.count) * 8 / 6
    return Array(text[first..<last])
  }

  private static func upper(_ text: [UInt8]) -> [UInt8] {
    text.map { (0x61...0x7A).contains($0) ? $0 - 0x20 : $0 }
  }

  /// RFC 3986 §2.3.
  private func isUnreserved(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: true
    default: false
    }
  }

  private static func escaped(_ value: [UInt8], upper: Bool, _ escapes: (UInt8) -> Bool) -> [UInt8] {
    value.flatMap { byte -> [UInt8] in
      guard escapes(byte) else { return [byte] }
      let digits = Array(Hex.encode([byte]).utf8)
      return [UInt8(ascii: "%")] + (upper ? RunSecret.upper(digits) : digits)
    }
  }
}

/// All forms of a run's secrets as one automaton (Aho and Corasick, 1975): a byte costs a few steps, however many
/// secrets there are.
struct SecretAutomaton: Sendable {
  private struct State {
    var byte: UInt8
    /// The first of the states that go on from here, and the next that goes on from where this one does; 0 for none.
    var child: Int32 = 0
    var sibling: Int32 = 0
    /// The longest proper suffix that begins a form.
    var fail: Int32 = 0
    var depth: Int32
    /// Length of the longest form that ends here; 0 for none.
    var match: Int32 = 0
  }

  private var states = [State(byte: 0, depth: 0)]

  init(_ forms: [[UInt8]]) {
    for form in forms where form.count >= RunSecret.minimumBytes { add(form) }
    link()
  }

  private mutating func add(_ form: [UInt8]) {
    var state: Int32 = 0
    for byte in form {
      if let next = child(of: state, byte) {
        state = next
      } else {
        let next = Int32(states.count)
        states.append(
          State(byte: byte, sibling: states[Int(state)].child, depth: states[Int(state)].depth + 1))
        states[Int(state)].child = next
        state = next
      }
    }
    states[Int(state)].match = Int32(form.count)
  }

  private func child(of state: Int32, _ byte: UInt8) -> Int32? {
    var next = states[Int(state)].child
    while next != 0 {
      if states[Int(next)].byte == byte { return next }
      next = states[Int(next)].sibling
    }
    return nil
  }

  /// Breadth first, so that what a state falls back to is linked before it.
  private mutating func link() {
    var queue: [Int32] = [0]
    var head = 0
    while head < queue.count {
      let state = queue[head]
      head += 1
      var next = states[Int(state)].child
      while next != 0 {
        if state != 0 {
          let fallback = step(states[Int(state)].fail, states[Int(next)].byte)
          states[Int(next)].fail = fallback
          states[Int(next)].match = max(states[Int(next)].match, states[Int(fallback)].match)
        }
        queue.append(next)
        next = states[Int(next)].sibling
      }
    }
  }

  func step(_ state: Int32, _ byte: UInt8) -> Int32 {
    var state = state
    while true {
      if let next = child(of: state, byte) { return next }
      if state == 0 { return 0 }
      state = states[Int(state)].fail
    }
  }

  func depth(_ state: Int32) -> Int { Int(states[Int(state)].depth) }
  func match(_ state: Int32) -> Int { Int(states[Int(state)].match) }
}

/// Takes a run's secrets out of a stream, in whatever pieces it comes, and leaves a mark for each. What overlaps is
/// taken out together. It holds back only what may still turn out to be one.
public struct Redactor: Sendable {
  /// What stands in place of a secret.
  public static let mark = Array("[openexec: secret redacted]".utf8)

  private let automaton: SecretAutomaton?
  private var state: Int32 = 0
  /// What may still become one, with whether each byte is known to be of one.
  private var held: [UInt8] = []
  private var isSecret: [Bool] = []
  private var isWithin = false
  /// Marks that were left.
  public private(set) var count = 0

  /// A redactor of these; without any it passes everything on.
  public init(_ secrets: [RunSecret]) {
    automaton = secrets.isEmpty ? nil : SecretAutomaton(secrets.flatMap(\.forms))
  }

  /// Takes the next bytes; gives what is free to go.
  public mutating func pass(_ bytes: [UInt8]) -> [UInt8] {
    guard let automaton else { return bytes }
    #if SIMULATION
    if Mutant.secretsKept.isActive { return bytes }
    #endif
    var out: [UInt8] = []
    out.reserveCapacity(bytes.count)
    var start = 0
    for byte in bytes {
      held.append(byte)
      isSecret.append(false)
      state = automaton.step(state, byte)
      let match = automaton.match(state)
      if match > 0 {
        for index in (held.count - match)..<held.count { isSecret[index] = true }
      }
      // Nothing before the longest beginning of a form can become part of one any more.
      let free = held.count - automaton.depth(state)
      while start < free {
        emit(start, into: &out)
        start += 1
      }
      if start > 1 << 16 { forget(&start) }
    }
    forget(&start)
    return out
  }

  /// The end of the stream: gives the rest.
  public mutating func finish() -> [UInt8] {
    var out: [UInt8] = []
    for index in held.indices { emit(index, into: &out) }
    held.removeAll()
    isSecret.removeAll()
    (state, isWithin) = (0, false)
    return out
  }

  private mutating func emit(_ index: Int, into out: inout [UInt8]) {
    if !isSecret[index] {
      out.append(held[index])
      isWithin = false
    } else if !isWithin {
      out += Redactor.mark
      isWithin = true
      count += 1
    }
  }

  private mutating func forget(_ start: inout Int) {
    held.removeFirst(start)
    isSecret.removeFirst(start)
    start = 0
  }
}
