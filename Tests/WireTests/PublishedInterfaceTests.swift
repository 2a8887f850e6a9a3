import Foundation
import Testing
import Wire

private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Docs/Protocol").path

/// Runs protoc and gives what it wrote.
private func protoc(_ arguments: [String], input: [UInt8]) throws -> [UInt8] {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/usr/bin/protoc")
  process.arguments = ["-I", folder] + arguments
  let stdin = Pipe()
  let stdout = Pipe()
  process.standardInput = stdin
  process.standardOutput = stdout
  try process.run()
  stdin.fileHandleForWriting.write(Data(input))
  try stdin.fileHandleForWriting.close()
  let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
  process.waitUntilExit()
  try #require(process.terminationStatus == 0, "protoc \(arguments) failed")
  return Array(output)
}

struct PublishedInterfaceTests {
  @Test("every message that is published has its example; frames and the guest's have tests of their own")
  func complete() throws {
    var published: Set<String> = []
    for file in try FileManager.default.contentsOfDirectory(atPath: folder)
    where file.hasSuffix(".proto") && file != "frame.proto" && file != "guest.proto" {
      let text = try String(contentsOfFile: "\(folder)/\(file)", encoding: .utf8)
      published.formUnion(text.matches(of: /(?m)^message (\w+)/).map { String($0.1) })
    }
    #expect(published == Set(PublishedExamples.all.map(\.type)))
  }

  @Test("protoc reads what the code encodes, and the code's bytes come back from protoc's text")
  func everyMessage() throws {
    for (file, type, message) in PublishedExamples.all {
      let bytes = message.encode()
      let text = try protoc(["--decode=openexec.v1.\(type)", "\(file).proto"], input: bytes)
      let unknown = String(decoding: text, as: UTF8.self).split(separator: "\n").filter {
        $0.trimmingCharacters(in: .whitespaces).first?.isNumber == true
      }
      #expect(unknown.isEmpty, "\(type): fields that the .proto does not know: \(unknown)")
      let again = try protoc(["--encode=openexec.v1.\(type)", "\(file).proto"], input: text)
      #expect(again == bytes, "\(type)")
      try decodes(message, from: again)
    }
  }

  private func decodes<M: WireMessage>(_ message: M, from bytes: [UInt8]) throws {
    #expect(try M(decoding: bytes) == message)
  }
}
