import Crypto
import Foundation
import Host
import Synchronization
import Testing

private func temporary() throws -> String {
  let path = FileManager.default.temporaryDirectory.path + "/host-\(UUID().uuidString)"
  try Files.createFolder(path)
  return path
}

struct ConfigurationTests {
  private func section(_ text: String) throws -> ConfigurationSection {
    let path = try temporary() + "/c.json"
    try Files.write(text, to: path)
    return try ConfigurationSection(file: path)
  }

  @Test("a typo is refused with its key, its line and the key that was meant")
  func typo() throws {
    var section = try section("{\n  \"data\": \"d\",\n  \"lisen\": \"x\"\n}")
    _ = try section.text("data")
    _ = section.optional("listen")
    let error = #expect(throws: ConfigurationError.self) { try section.finish() }
    #expect(error?.line == 3)
    #expect(error?.reason == "lisen: there is no such key; did you mean listen?")
  }

  @Test("a typo in a key that must be there is named with its line, whatever is read first")
  func requiredTypo() throws {
    var typo = try section("{\n  \"data\": \"d\",\n  \"storage_kee\": \"x\"\n}")
    let error = #expect(throws: ConfigurationError.self) { _ = try typo.path("storage_key") }
    #expect(error?.line == 3)
    #expect(error?.reason == "storage_key: missing; expected a path; is storage_kee meant for it?")
    var none = try section("{\n  \"data\": \"d\"\n}")
    let plain = #expect(throws: ConfigurationError.self) { _ = try none.path("storage_key") }
    #expect(plain?.line == nil && plain?.reason == "storage_key: missing; expected a path")
  }

  @Test("a missing key and a value of another kind say what was expected")
  func expected() throws {
    var section = try section("{\"port\": \"seven\"}")
    let missing = #expect(throws: ConfigurationError.self) { try section.text("data") }
    #expect(missing?.reason == "data: missing; expected text")
    let wrong = #expect(throws: ConfigurationError.self) { try section.integer("port", in: 1...65_535) }
    #expect(wrong?.line == 1)
    #expect(wrong?.reason == "port: expected a whole number from 1 to 65535")
  }

  @Test("a syntax error names its line")
  func syntax() throws {
    let error = #expect(throws: ConfigurationError.self) { try section("{\n\"a\": 1,\n}") }
    #expect(error?.line == 3)
  }
}

struct FileTests {
  @Test("a pipe without a writer is refused as what it is, and holds nobody", .timeLimit(.minutes(1)))
  func pipe() throws {
    let path = try temporary() + "/pipe"
    #expect(mkfifo(path, 0o600) == 0)
    for read in [{ try Files.read(path) }, { try Files.readSecret(path) }] {
      let error = #expect(throws: FileError.self) { try read() }
      #expect(error?.reason == "expected a regular file")
    }
  }

  @Test("a file is replaced as a whole, with its permissions, and read with a limit")
  func replace() throws {
    let path = try temporary() + "/secret"
    try Files.write("one", to: path, mode: 0o600)
    try Files.write("two", to: path, mode: 0o600)
    #expect(try Files.readText(path) == "two")
    let attributes = try FileManager.default.attributesOfItem(atPath: path)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(throws: FileError.self) { try Files.read(path, limit: 2) }
  }

  @Test("who replaces one file at the same time waits: none fails, and one of them stays as a whole")
  func replacedTogether() throws {
    let path = try temporary() + "/file"
    let failures = Mutex<[String]>([])
    DispatchQueue.concurrentPerform(iterations: 8) { writer in
      let text = String(repeating: "\(writer)", count: 1 + 5000 * writer)
      for _ in 0..<50 {
        do { try Files.write(text, to: path) } catch { failures.withLock { $0.append("\(error)") } }
        let read = (try? Files.readText(path, limit: 1 << 20)) ?? ""
        if Set(read).count != 1 || (read.count - 1) % 5000 != 0 {
          failures.withLock { $0.append("\(read.count) characters, \(Set(read).count) kinds") }
        }
      }
    }
    #expect(failures.withLock { $0 } == [])
    #expect(try Files.list(Files.parent(of: path)) == ["file"])
  }

  @Test("a file that is named twice is refused, and neither waits for the other", .timeLimit(.minutes(1)))
  func namedTwice() throws {
    let folder = try temporary()
    try Files.write("before", to: folder + "/file")
    let error = #expect(throws: FileError.self) {
      try Files.replace([
        Files.Replacement(Array("one".utf8), to: folder + "/file"),
        Files.Replacement(Array("two".utf8), to: folder + "/./file"),
      ])
    }
    #expect(error?.reason == "expected each file once, found it twice")
    #expect(try Files.readText(folder + "/file", limit: 100) == "before")
    #expect(try Files.list(folder) == ["file"])
  }

  @Test("keys come back from their files; anything else is refused")
  func keys() throws {
    let folder = try temporary()
    var random = SystemRandom()
    let written = try KeyFile.createSigningKey(at: folder + "/k", using: &random)
    let read = try KeyFile.readSigningKey(folder + "/k").publicKey
    #expect(read == written)
    try Files.write("zz", to: folder + "/bad")
    #expect(throws: FileError.self) { _ = try KeyFile.readSymmetricKey(folder + "/bad") }
  }

  @Test("slots are written in turn, and a reopened file goes on with the older one")
  func slots() throws {
    let path = try temporary() + "/lock"
    func newest(_ a: [UInt8], _ b: [UInt8]) -> Int? { a[0] == 0 && b[0] == 0 ? nil : a[0] > b[0] ? 0 : 1 }
    let file = try SlotFile(path: path, lastWritten: newest)
    try file.write([1])
    try file.write([2])
    let again = try SlotFile(path: path, lastWritten: newest)
    try again.write([3])
    #expect(try again.read(slot: 0)[0] == 3)
    #expect(try again.read(slot: 1)[0] == 2)
  }
}
