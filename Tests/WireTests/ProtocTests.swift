import Foundation
import Testing
import Wire

/// The published interface against protobuf's own compiler: what we encode `protoc` reads, what `protoc`
/// encodes we read.
@Suite("protoc agrees", .enabled(if: Protoc.path != nil, "protoc is not installed"))
struct ProtocTests {
  @Test("frame.proto", arguments: FrameTests.samples)
  func frames(frame: Frame) throws {
    let text = try Protoc.run("--decode=openexec.v1.Frame", Protoc.frame, input: frame.encode())
    let bytes = try Protoc.run("--encode=openexec.v1.Frame", Protoc.frame, input: text)
    #expect(bytes == frame.encode())
    #expect(try Frame(decoding: bytes) == frame)
  }

  @Test("a frame written by hand")
  func handwritten() throws {
    let text = """
      call: 3
      request { method: "/openexec.v1.Ledger/Checkpoint" timeout_ns: 250000000 payload: "\\001\\002" }
      """
    let bytes = try Protoc.run("--encode=openexec.v1.Frame", Protoc.frame, input: Array(text.utf8))
    let request = Request(
      method: "/openexec.v1.Ledger/Checkpoint", timeoutNanoseconds: 250_000_000, payload: [1, 2])
    #expect(try Frame(decoding: bytes) == Frame(call: CallID(3), .request(request)))
  }

  @Test("every scalar type", arguments: 0..<8 as Range<UInt64>)
  func scalars(seed: UInt64) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("wire-\(UUID())")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let proto = folder.appendingPathComponent("sample.proto")
    try Data(sampleProto.utf8).write(to: proto)
    var random = SeededRandom(seed: seed)
    let sample = Sample.random(using: &random)
    let text = try Protoc.run("--decode=openexec.test.Sample", proto, input: sample.encode())
    let bytes = try Protoc.run("--encode=openexec.test.Sample", proto, input: text)
    #expect(try Sample(decoding: bytes) == sample)
    #expect(bytes == sample.encode())
  }
}

/// Runs protobuf's compiler.
enum Protoc {
  static let path = ["/usr/bin/protoc", "/usr/local/bin/protoc"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  static let frame = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../Docs/Protocol/frame.proto").standardizedFileURL

  static func run(_ option: String, _ proto: URL, input: [UInt8]) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(path))
    process.arguments = ["-I\(proto.deletingLastPathComponent().path)", option, proto.lastPathComponent]
    let stdin = Pipe()
    let stdout = Pipe()
    process.standardInput = stdin
    process.standardOutput = stdout
    try process.run()
    // The inputs are far below a pipe's capacity, so writing all before reading cannot block.
    try stdin.fileHandleForWriting.write(contentsOf: Data(input))
    try stdin.fileHandleForWriting.close()
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return Array(output)
  }
}
