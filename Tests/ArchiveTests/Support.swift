import Foundation

@testable import Archive

/// What another program says, given `input` on its standard input; nil where it fails.
func output(of program: String, _ arguments: [String], _ input: [UInt8] = []) throws -> [UInt8]? {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
  process.arguments = [program] + arguments
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let given = folder.appendingPathComponent("in")
  let taken = folder.appendingPathComponent("out")
  try Data(input).write(to: given)
  try Data().write(to: taken)
  process.standardInput = try FileHandle(forReadingFrom: given)
  process.standardOutput = try FileHandle(forWritingTo: taken)
  process.standardError = FileHandle.nullDevice
  try process.run()
  process.waitUntilExit()
  return process.terminationStatus == 0 ? [UInt8](try Data(contentsOf: taken)) : nil
}

/// What a Python program writes.
func python(_ program: String, _ input: [UInt8] = []) throws -> [UInt8]? {
  try output(of: "python3", ["-c", program], input)
}

/// Everything that a gzip file holds.
func unpacked(_ bytes: [UInt8], piece: Int = 1 << 16, limit: Int = 1 << 26) throws(ArchiveError) -> [UInt8] {
  var source = GzipSource(ByteArraySource(bytes, piece: piece), limit: limit)
  var all: [UInt8] = []
  while let piece = try source.next() { all += piece }
  return all
}

/// An archive's entries with their contents.
func entries(
  _ bytes: [UInt8], limits: TarReader<ByteArraySource>.Limits = .init(), piece: Int = 1 << 16
) throws(ArchiveError) -> [(entry: TarEntry, content: [UInt8])] {
  var reader = TarReader(ByteArraySource(bytes, piece: piece), limits: limits)
  var all: [(TarEntry, [UInt8])] = []
  while let entry = try reader.next() {
    var content: [UInt8] = []
    while let piece = try reader.content() { content += piece }
    all.append((entry, content))
  }
  return all
}

/// A generator that gives the same numbers each time.
struct Numbers: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
  }
}
