import CSystem
import Crypto
import Glibc
import Wire

/// The files that an action may read: written as they come, held against their digests, and read-only before
/// the action starts. They lie in memory, and what they take is taken off what the action may write.
struct InputFolder {
  static let path = "/inputs"
  private static let page: UInt64 = 4096

  private let inputs: [GuestInput]
  private let surroundings: Surroundings
  /// How many are whole.
  private var done = 0
  private var file: Int32 = -1
  private var count: UInt64 = 0
  private var hash = SHA256()

  /// Makes the folder for what `run` promises. In a task it is there: a file system of its own, whose owner the action
  /// is not.
  init(_ run: GuestRun, in surroundings: Surroundings) throws(GuestFailure) {
    inputs = run.inputs
    self.surroundings = surroundings
    guard inputs.allSatisfy(\.isNamed), Set(inputs.map(\.name)).count == inputs.count else {
      throw .protocolViolation("an input's name is no file name of its own")
    }
    let size = InputFolder.size(of: run)
    guard size < run.diskBytes || inputs.isEmpty else {
      throw .protocolViolation("the inputs take all of the disk")
    }
    guard !inputs.isEmpty else { return }
    if case .machine = surroundings {
      try Boot.mountTemporary(InputFolder.path, size: size, inodes: inputs.count + 8, mode: "0755")
    }
    try finishEmpty()
  }

  /// Bytes of whole pages that the inputs take.
  static func size(of run: GuestRun) -> UInt64 {
    run.inputs.reduce(0) { sum, input in
      let pages = input.size / page + 1
      let (next, overflow) = sum.addingReportingOverflow(
        pages.multipliedReportingOverflow(by: page).partialValue)
      return overflow ? .max : next
    }
  }

  var isWhole: Bool { done == inputs.count }

  /// Takes the next bytes.
  mutating func take(_ piece: [UInt8]) throws(GuestFailure) {
    guard !isWhole, !piece.isEmpty, UInt64(piece.count) <= inputs[done].size - count else {
      throw .protocolViolation("more bytes of inputs than were promised")
    }
    try open()
    var written = 0
    while written < piece.count {
      let result = piece.withUnsafeBytes { bytes in
        csystem_write(file, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      }
      guard result > 0 else { throw .system("write \(inputs[done].name)", Int32(-result)) }
      written += result
    }
    hash.update(piece)
    count += UInt64(piece.count)
    if count == inputs[done].size {
      try finish()
      try finishEmpty()
    }
  }

  /// Nobody writes here any more.
  func seal() throws(GuestFailure) {
    guard !inputs.isEmpty else { return }
    if case .machine = surroundings { try Boot.makeReadOnly(InputFolder.path) }
  }

  private mutating func open() throws(GuestFailure) {
    guard file < 0 else { return }
    let path = "\(InputFolder.path)/\(inputs[done].name)"
    file = Glibc.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o444)
    guard file >= 0 else { throw .system("create \(path)", errno) }
    (count, hash) = (0, SHA256())
  }

  private mutating func finish() throws(GuestFailure) {
    close(file)
    file = -1
    guard hash.finalize().bytes == inputs[done].digest else {
      throw .protocolViolation("\(inputs[done].name) is not what was approved")
    }
    done += 1
    count = 0
  }

  /// Files without a byte, of which no piece will come.
  private mutating func finishEmpty() throws(GuestFailure) {
    while !isWhole, inputs[done].size == 0 {
      try open()
      try finish()
    }
  }
}
