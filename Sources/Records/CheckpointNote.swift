import Canonical
import Crypto
import Merkle

/// Whether executors may run, as a lease says it.
public enum LeaseMode: String, Sendable, CaseIterable { case running, halted }

/// The lease line of a note: for how long executors may act on what is final, and under what.
public struct LeaseLine: Hashable, Sendable {
  /// The active policy bundle.
  public var policyBundleHash: Digest
  public var mode: LeaseMode
  /// Lifetime in seconds, counted by an executor from the moment it sent its challenge.
  public var seconds: Int
  /// RFC 6962 root over the `Challenge` leaves that the coordinator collected.
  public var challengeRoot: Digest
  /// Hash of the `RestrictionList` in force.
  public var restrictionsHash: Digest

  /// Longest lifetime of a lease, in seconds.
  public static let maximumSeconds = 60
  /// The lifetime that parties give, in seconds.
  public static let standardSeconds = 10

  /// A lease line.
  public init(
    policyBundleHash: Digest, mode: LeaseMode, seconds: Int, challengeRoot: Digest,
    restrictionsHash: Digest
  ) {
    self.policyBundleHash = policyBundleHash
    self.mode = mode
    self.seconds = seconds
    self.challengeRoot = challengeRoot
    self.restrictionsHash = restrictionsHash
  }
}

/// The consent line of a note: the approvals in a range of leaves, but for the exceptions.
public struct ConsentLine: Hashable, Sendable {
  /// First leaf of the range.
  public var first: LeafIndex
  /// Last leaf of the range; below the note's size.
  public var last: LeafIndex
  /// Leaves in the range whose approvals are not consented to; ascending.
  public var exceptions: [LeafIndex]

  /// Most exceptions in one note.
  public static let maximumExceptions = 64

  /// A consent line.
  public init(first: LeafIndex, last: LeafIndex, exceptions: [LeafIndex] = []) {
    self.first = first
    self.last = last
    self.exceptions = exceptions
  }

  /// The consent line of a note whose text was read before, for who looks through many; nil where it has none.
  public init?(ofNote bytes: [UInt8]) {
    var line = bytes[...]
    for _ in 0..<5 {
      guard let end = line.firstIndex(of: 0x0A) else { return nil }
      line = line[(end + 1)...]
    }
    guard line.starts(with: "consent ".utf8), let end = line.firstIndex(of: 0x0A),
      let consent = try? CheckpointNote.consent(String(decoding: line[..<end], as: UTF8.self), size: .max)
    else { return nil }
    self = consent
  }

  /// Whether an approving decision at `index` is consented to.
  public func covers(_ index: LeafIndex) -> Bool {
    first <= index && index <= last && !exceptions.contains(index)
  }
}

#if SIMULATION
private let notes = Remembered<RememberedBytes, CheckpointNote>(capacity: 1024)
#endif

/// The one statement that the group key signs: a C2SP checkpoint with lines of our own.
///
/// ```
/// openexec/<cluster id>
/// <size>
/// <base64 root>
/// state <base64 state root>
/// time <RFC 3339, nine decimals>
/// consent <first>-<last> [except i,j,…]
/// lease <bundle hash> <running|halted> <seconds> <challenge root> <restrictions hash>
/// ```
/// `consent` and `lease` are optional, in this order. Hashes in the lease line are hexadecimal. Every
/// line ends in a newline. Docs/Protocol/Notes.md has vectors.
public struct CheckpointNote: Hashable, Sendable {
  /// Hash of the genesis leaf.
  public var cluster: Digest
  /// Number of leaves.
  public var size: UInt64
  /// RFC 6962 root of them.
  public var root: Digest
  /// Root of the governance state after them.
  public var stateRoot: Digest
  /// The coordinator's clock.
  public var time: Timestamp
  public var consent: ConsentLine?
  public var lease: LeaseLine?

  /// A note.
  public init(
    cluster: Digest, size: UInt64, root: Digest, stateRoot: Digest, time: Timestamp,
    consent: ConsentLine? = nil, lease: LeaseLine? = nil
  ) {
    self.cluster = cluster
    self.size = size
    self.root = root
    self.stateRoot = stateRoot
    self.time = time
    self.consent = consent
    self.lease = lease
  }

  /// The first line, which is the key's name as well.
  public static func origin(cluster: Digest) -> String { "openexec/\(cluster.hex)" }

  /// The verifier of a cluster's notes.
  public static func verifier(cluster: Digest, groupKey: PublicKey) -> NoteVerifier {
    guard let verifier = NoteVerifier(name: origin(cluster: cluster), key: groupKey) else {
      preconditionFailure("an origin has no space and no plus sign")
    }
    return verifier
  }

  /// The signed text.
  public var text: String {
    var out = CheckpointNote.origin(cluster: cluster) + "\n\(size)\n"
    out += Base64.encode(root.bytes) + "\n"
    out += "state " + Base64.encode(stateRoot.bytes) + "\n"
    out += "time \(time.text)\n"
    if let consent {
      out += "consent \(consent.first.value)-\(consent.last.value)"
      if !consent.exceptions.isEmpty {
        out += " except " + consent.exceptions.map { String($0.value) }.joined(separator: ",")
      }
      out += "\n"
    }
    if let lease {
      out +=
        "lease \(lease.policyBundleHash.hex) \(lease.mode.rawValue) \(lease.seconds) "
        + "\(lease.challengeRoot.hex) \(lease.restrictionsHash.hex)\n"
    }
    return out
  }

  /// Reads the text of a note: exactly what `text` writes, nothing else.
  public init(parsing text: String) throws(NoteError) {
    guard text.utf8.count <= 8192 else { throw .malformed("a checkpoint longer than 8192 bytes") }
    #if SIMULATION
    self = try notes(RememberedBytes(Array(text.utf8))) { () throws(NoteError) in
      try CheckpointNote(reading: text)
    }
    #else
    try self.init(reading: text)
    #endif
  }

  private init(reading text: String) throws(NoteError) {
    let lines = text.parts(separatedBy: UInt8(ascii: "\n"))
    guard lines.count >= 6, lines.count <= 8, lines.last == "" else {
      throw .malformed("expected five to seven lines, each with its newline")
    }
    guard let cluster = lines[0].rest(after: "openexec/").flatMap({ Digest(hex: $0) }) else {
      throw .malformed("expected the origin openexec/<cluster id>")
    }
    guard let size = UInt64(lines[1]), size <= 1 << 53 else { throw .malformed("expected a size") }
    guard let root = Base64.decode(lines[2]).flatMap({ Digest($0) }) else {
      throw .malformed("expected a root in base64")
    }
    guard let state = lines[3].rest(after: "state ").flatMap(Base64.decode).flatMap({ Digest($0) })
    else { throw .malformed("expected 'state <base64>'") }
    guard let time = lines[4].rest(after: "time ").flatMap(Timestamp.init(text:))
    else { throw .malformed("expected 'time <RFC 3339>'") }
    self.init(cluster: cluster, size: size, root: root, stateRoot: state, time: time)
    var rest = lines[5..<(lines.count - 1)]
    if let line = rest.first, line.hasPrefix("consent ") {
      consent = try CheckpointNote.consent(line, size: size)
      rest = rest.dropFirst()
    }
    if let line = rest.first, line.hasPrefix("lease ") {
      lease = try CheckpointNote.lease(line)
      rest = rest.dropFirst()
    }
    guard rest.isEmpty else { throw .malformed("expected a consent line, then a lease line, at most") }
    guard self.text == text else { throw .malformed("not the one text of this checkpoint") }
  }

  fileprivate static func consent(_ line: String, size: UInt64) throws(NoteError) -> ConsentLine {
    let parts = line.parts(separatedBy: UInt8(ascii: " "))
    guard parts.count == 2 || (parts.count == 4 && parts[2] == "except") else {
      throw .malformed("expected 'consent <first>-<last> [except i,j,…]'")
    }
    let ends = parts[1].parts(separatedBy: UInt8(ascii: "-")).compactMap { UInt64($0) }
    guard ends.count == 2, ends[0] <= ends[1], ends[1] < size else {
      throw .malformed("expected a consent range below the size")
    }
    var exceptions: [LeafIndex] = []
    if parts.count == 4 {
      for part in parts[3].parts(separatedBy: UInt8(ascii: ",")) {
        guard let index = UInt64(part), index >= ends[0], index <= ends[1],
          exceptions.last.map({ $0.value < index }) ?? true,
          exceptions.count < ConsentLine.maximumExceptions
        else { throw .malformed("expected at most 64 ascending exceptions within the range") }
        exceptions.append(LeafIndex(index))
      }
    }
    return ConsentLine(first: LeafIndex(ends[0]), last: LeafIndex(ends[1]), exceptions: exceptions)
  }

  private static func lease(_ line: String) throws(NoteError) -> LeaseLine {
    let parts = line.parts(separatedBy: UInt8(ascii: " "))
    guard parts.count == 6, let bundle = Digest(hex: parts[1]), let mode = LeaseMode(rawValue: parts[2]),
      let seconds = Int(parts[3]), (1...LeaseLine.maximumSeconds).contains(seconds),
      let challenges = Digest(hex: parts[4]), let restrictions = Digest(hex: parts[5])
    else {
      throw .malformed("expected 'lease <bundle> <running|halted> <seconds> <challenges> <restrictions>'")
    }
    return LeaseLine(
      policyBundleHash: bundle, mode: mode, seconds: seconds, challengeRoot: challenges,
      restrictionsHash: restrictions)
  }

  /// Reads a signed note and checks its signature under the group key.
  public static func verified(_ note: SignedNote, cluster: Digest, groupKey: PublicKey)
    throws(NoteError) -> CheckpointNote
  {
    try note.verify([verifier(cluster: cluster, groupKey: groupKey)])
    let checkpoint = try CheckpointNote(parsing: note.text)
    guard checkpoint.cluster == cluster else { throw .malformed("a checkpoint of another cluster") }
    return checkpoint
  }
}
