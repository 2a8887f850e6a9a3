import EventLoop
import Foundation
import Glibc
import Testing

@testable import Sandbox

/// The file operations of a sandbox, with what stands in their way.
@Suite("File operations")
final class FoldersTests {
  private let folder = NSTemporaryDirectory() + "openexec-folders-\(UUID())"

  init() throws { try Folders.makeAll(folder, mode: 0o755) }
  deinit { Folders.remove(folder) }

  private func error(_ work: () throws(SandboxError) -> Void) -> SandboxError? {
    do throws(SandboxError) {
      try work()
      return nil
    } catch {
      return error
    }
  }

  @Test("a file is read whole, where it is one, is no longer than it may be, and is in its own place")
  func read() throws {
    let path = "\(folder)/file"
    try Folders.create(path, [[1, 2], [], [3]], mode: 0o640)
    #expect(try Folders.read(path, limit: 3) == [1, 2, 3] && Folders.size(path) == 3)
    #expect(
      error { () throws(SandboxError) in _ = try Folders.read(path, limit: 2) }
        == .unfit(path: path, "longer than 2 bytes"))
    #expect(
      error { () throws(SandboxError) in _ = try Folders.read(self.folder, limit: 9) }
        == .unfit(path: folder, "not a regular file"))
    try #require(symlink(path, "\(folder)/link") == 0)
    #expect(
      error { () throws(SandboxError) in _ = try Folders.read("\(self.folder)/link", limit: 9) }
        == .file("\(folder)/link", SystemError(code: ELOOP, call: "open")))
    #expect(
      error { () throws(SandboxError) in _ = try Folders.read("\(self.folder)/none", limit: 9) }
        == .file("\(folder)/none", SystemError(code: ENOENT, call: "open")))
    #expect(Folders.isLink("\(folder)/link") && !Folders.isLink(path) && !Folders.isFolder("\(folder)/link"))
    #expect(Folders.size("\(folder)/none") == nil)
  }

  @Test("a FIFO in a file's place keeps nobody waiting", .timeLimit(.minutes(1)))
  func fifo() throws {
    let path = "\(folder)/fifo"
    try #require(mkfifo(path, 0o600) == 0)
    #expect(
      error { () throws(SandboxError) in _ = try Folders.read(path, limit: 9) }
        == .unfit(path: path, "not a regular file"))
  }

  @Test("what is there already is not written over, neither a file nor what a link points to")
  func create() throws {
    let path = "\(folder)/file"
    try Folders.create(path, [Array("first".utf8)], mode: 0o444)
    var status = stat()
    #expect(lstat(path, &status) == 0 && status.st_mode & 0o777 == 0o444)
    try #require(symlink("\(folder)/target", "\(folder)/link") == 0)
    for taken in [path, "\(folder)/link"] {
      #expect(
        error { () throws(SandboxError) in try Folders.create(taken, [[1]], mode: 0o644) }
          == .file(taken, SystemError(code: EEXIST, call: "create")))
    }
    #expect(!Folders.exists("\(folder)/target"))
    #expect(try Folders.read(path, limit: 9) == Array("first".utf8))
    if geteuid() == 0 {
      // The disk is full: a short write is no file.
      try #require(mount("tmpfs", folder, "tmpfs", 0, "size=64k") == 0)
      defer { umount2(folder, Int32(MNT_DETACH)) }
      let large = [UInt8](repeating: 1, count: 256 << 10)
      #expect(
        error { () throws(SandboxError) in try Folders.create("\(self.folder)/large", [large], mode: 0o644) }
          == .file("\(folder)/large", SystemError(code: ENOSPC, call: "write")))
    }
  }

  @Test("a folder is made where there is one or nothing, with those above it")
  func make() throws {
    try Folders.makeAll("\(folder)/a/b/c", mode: 0o755)
    try Folders.make("\(folder)/a/b/c", mode: 0o755)
    #expect(Folders.isFolder("\(folder)/a/b/c"))
    try Folders.create("\(folder)/file", [], mode: 0o644)
    for (path, place) in [("file", "file"), ("file/below", "file")] {
      #expect(
        error { () throws(SandboxError) in try Folders.makeAll("\(self.folder)/\(path)", mode: 0o755) }
          == .unfit(path: "\(folder)/\(place)", "not a folder"))
    }
    #expect(
      error { () throws(SandboxError) in try Folders.make("\(self.folder)/none/below", mode: 0o755) }
        == .file("\(folder)/none/below", SystemError(code: ENOENT, call: "mkdir")))
    #expect(Folders.names(folder) == ["a", "file"] && Folders.names("\(folder)/none") == [])
  }

  @Test("all of a folder is removed, and nothing that its links point to")
  func remove() throws {
    let outside = "\(folder)/outside"
    try Folders.makeAll("\(outside)/kept", mode: 0o755)
    let deep = "\(folder)/gone" + String(repeating: "/d", count: 200)
    try Folders.makeAll(deep, mode: 0o755)
    try Folders.create("\(deep)/file", [[1]], mode: 0o444)
    try #require(symlink(outside, "\(folder)/gone/link") == 0 && mkfifo("\(folder)/gone/fifo", 0o600) == 0)
    Folders.remove("\(folder)/gone")
    #expect(Folders.names(folder) == ["outside"] && Folders.names(outside) == ["kept"])
  }

  @Test("a folder's lock is one program's, until it is let go of")
  func lock() throws {
    let held = try Folders.lock(folder)
    #expect(error { () throws(SandboxError) in _ = try Folders.lock(self.folder) } == .folderInUse(folder))
    #expect(fcntl(held, F_GETFD) & FD_CLOEXEC != 0)
    close(held)
    close(try Folders.lock(folder))
  }

  @Test("a program did what it should where it ended with nothing to say, in time")
  func run() {
    #expect(Folders.run(["/bin/true"], seconds: 10))
    #expect(!Folders.run(["/bin/false"], seconds: 10))
    #expect(!Folders.run(["/bin/sh", "-c", "kill -9 $$"], seconds: 10))
    #expect(!Folders.run(["\(folder)/none"], seconds: 10))
    let begun = ContinuousClock.now
    #expect(!Folders.run(["/bin/sleep", "100"], seconds: 1))
    #expect(ContinuousClock.now - begun < .seconds(50))
  }

  @Test("a file of the kernel's is written to where it is, and not made")
  func kernelFiles() throws {
    let path = "\(folder)/value"
    #expect(!Folders.writeKernelFile(path, "1") && !Folders.exists(path))
    try Folders.create(path, [], mode: 0o644)
    #expect(Folders.writeKernelFile(path, "12\n") && Folders.readKernelFile(path) == "12\n")
    #expect(!Folders.writeKernelFile("/dev/full", "1"))
    #expect(Folders.readKernelFile("\(folder)/none") == nil && Folders.readKernelFile(folder) == nil)
  }
}
