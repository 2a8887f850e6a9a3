import Canonical
import Foundation
import OpenExec
import Testing
import Wire

@testable import Sandbox

/// What a shim prints, how runtimes are named, and what its messages mean: no process runs.
@Suite("Shim protocol")
struct ShimProtocolTests {
  private func bootstrap(_ text: String) throws -> ShimBootstrap {
    try ShimBootstrap(printed: Array(text.utf8))
  }

  @Test("the address is understood in all three forms that shims print")
  func forms() throws {
    let path = "unix:///run/containerd/s/0f1e"
    var message = BootstrapResult()
    (message.version, message.address, message.transport) = (3, path, "ttrpc")
    let ofMessage = try ShimBootstrap(printed: message.encode())
    #expect(ofMessage.service == .v3)
    #expect(ofMessage.addresses == [.path("/run/containerd/s/0f1e")])
    let ofJSON = try bootstrap(#"{"version":3,"address":"\#(path)","protocol":"ttrpc"}"#)
    #expect(ofJSON == ofMessage)
    let plain = try bootstrap(path)
    #expect(plain.service == .v2)
    #expect(plain.addresses == ofMessage.addresses)
    #expect(try bootstrap(path + "\n") == plain)
  }

  @Test("an abstract name is tried without and with a zero byte at its end")
  func abstract() throws {
    let name = "/containerd-shim/openexec/oe-1/shim.sock"
    for printed in [name, name + "\0", name + "\n"] {
      let found = try bootstrap(printed)
      #expect(
        found.addresses == [.abstract(name, trailingZero: false), .abstract(name, trailingZero: true)])
      #expect(found.addresses[0].socketName == [0] + Array(name.utf8))
      #expect(found.addresses[1].socketName == [0] + Array(name.utf8) + [0])
    }
  }

  @Test(
    "what is no address, another protocol or another version is refused",
    arguments: [
      "", "unix://", "http://localhost", "unix:///a/../b", "unix:///a b", "relative/path",
      "unix:///" + String(repeating: "x", count: 106), #"{"version":2,"protocol":"ttrpc"}"#,
      #"{"version":1,"address":"unix:///a","protocol":"ttrpc"}"#,
      #"{"version":4,"address":"unix:///a","protocol":"ttrpc"}"#,
      #"{"version":3,"address":"unix:///a","protocol":"grpc"}"#,
    ])
  func refused(printed: String) {
    #expect(throws: ShimError.self) { try bootstrap(printed) }
  }

  @Test("the longest name fits, one more byte does not")
  func longest() throws {
    #expect(try bootstrap("unix:///" + String(repeating: "x", count: 105)).addresses.count == 1)
    #expect(throws: ShimError.self) { try bootstrap("unix:///" + String(repeating: "x", count: 106)) }
  }

  @Test("runtimes are named as containerd names them")
  func runtimes() throws {
    #expect(try RuntimeName("io.containerd.kata.v2").program == "containerd-shim-kata-v2")
    #expect(try RuntimeName("io.containerd.runc.v2").program == "containerd-shim-runc-v2")
    #expect(try RuntimeName("io.containerd.kata-qemu.v2").program == "containerd-shim-kata-qemu-v2")
    #expect(
      try RuntimeName("/opt/kata/bin/containerd-shim-kata-v2").program
        == "/opt/kata/bin/containerd-shim-kata-v2")
    for name in [
      "runc", "", "io..v2", "io.containerd.ru/nc.v2", "/opt/../bin/sh", "io.containerd.a b.v2", "a.;rm.v1",
    ] {
      #expect(throws: ShimError.self, "\(name)") { try RuntimeName(name) }
    }
  }

  @Test("a program that others may change, or that is not there, is not run")
  func resolution() throws {
    let folder = NSTemporaryDirectory() + "openexec-runtimes-\(UUID())"
    let manager = FileManager.default
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? manager.removeItem(atPath: folder) }
    let path = folder + "/containerd-shim-trial-v2"
    let name = try RuntimeName("io.containerd.trial.v2")
    #expect(
      throws: ShimError.runtime(
        "runtime io.containerd.trial.v2: there is no program containerd-shim-trial-v2")
    ) {
      try name.resolve(in: [folder])
    }
    _ = manager.createFile(
      atPath: path, contents: Data("#!/bin/sh\n".utf8), attributes: [.posixPermissions: 0o755])
    #expect(try name.resolve(in: ["/nonexistent", folder]) == path)
    try manager.setAttributes([.posixPermissions: 0o775], ofItemAtPath: path)
    #expect(throws: ShimError.self) { try name.resolve(in: [folder]) }
  }

  @Test("task ids are containerd's: letters and digits with single separators, at most 76")
  func identifiers() {
    for good in ["a", "oe-0f", "A1.b_c-d", String(repeating: "x", count: 76)] {
      #expect(throws: Never.self, "\(good)") { try ShimIdentifier.check(good, "task") }
    }
    for bad in ["", ".", "a/b", "../x", "-a", "a-", "a--b", "ä", "a b", String(repeating: "x", count: 77)] {
      #expect(throws: ShimError.self, "\(bad)") { try ShimIdentifier.check(bad, "task") }
    }
  }

  @Test("messages have the numbers of shim.proto")
  func numbers() {
    var create = CreateTask()
    (create.id, create.bundle, create.stdin, create.stdout, create.stderr) = ("i", "b", "0", "1", "2")
    create.options = AnyMessage("t", TaskID("x"))
    var mount = RootMount()
    (mount.type, mount.source, mount.target, mount.options) = ("bind", "s", "t", ["ro"])
    create.rootfs = [mount]
    #expect(
      create.encode()
        == [0x0A, 1, 0x69, 0x12, 1, 0x62, 0x1A, 16, 0x0A, 4] + Array("bind".utf8) + [
          0x12, 1, 0x73, 0x1A, 1, 0x74,
        ]
        + [0x22, 2] + Array("ro".utf8) + [0x2A, 1, 0x30, 0x32, 1, 0x31, 0x3A, 1, 0x32]
        + [0x52, 8, 0x0A, 1, 0x74, 0x12, 3, 0x0A, 1, 0x78])
    #expect(KillTask("i", signal: 9).encode() == [0x0A, 1, 0x69, 0x18, 9, 0x20, 1])
    #expect(CloseTaskInput("i").encode() == [0x0A, 1, 0x69, 0x18, 1])
  }

  @Test("the kernel's count of ends for want of memory is read in both versions' files")
  func outOfMemoryCount() {
    #expect(TaskGroup.outOfMemoryKills(in: "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n") == 3)
    #expect(
      TaskGroup.outOfMemoryKills(in: "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n") == 1)
    #expect(TaskGroup.outOfMemoryKills(in: "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n") == 0)
    #expect(TaskGroup.outOfMemoryKills(in: "") == 0)
  }

  @Test("year 1, which some shims say, is a time; none at all is a reply cut off")
  func times() throws {
    var exit = TaskExit()
    exit.exitedAt = WireTimestamp(seconds: -62_135_596_800)
    let read = try TaskExit(decoding: exit.encode())
    #expect(read.exitedAt?.seconds == -62_135_596_800)
    #expect(try TaskExit(decoding: []).exitedAt == nil)
  }
}

/// The way of one task, step by step, with what other shims than runc's have been seen to do.
@Suite("Task procedure")
struct TaskProcedureTests {
  private static let allowances = TaskProcedure.Allowances(bootSeconds: 5, wallSeconds: 7)

  private func done(_ status: Int32 = 0, signal: UInt32 = 0, failure: String = "") -> GuestDone {
    var done = GuestDone()
    (done.exitStatus, done.signal, done.failure) = (status, signal, failure)
    return done
  }

  /// A procedure whose guest has been told what to run.
  private func conversing() -> TaskProcedure {
    var procedure = TaskProcedure(Self.allowances)
    for event in [TaskProcedure.Event.begun, .launched, .connected] { _ = procedure.step(event) }
    for call in [TaskProcedure.Call.connect, .create, .start] {
      _ = procedure.step(.answered(call, .success(())))
    }
    return procedure
  }

  private func running() -> TaskProcedure {
    var procedure = conversing()
    _ = procedure.step(.greeted)
    _ = procedure.step(.proven)
    return procedure
  }

  @Test("the plain way: every step follows the answer to the one before")
  func plain() {
    var procedure = TaskProcedure(Self.allowances)
    #expect(procedure.step(.begun) == [.launch])
    #expect(procedure.step(.launched) == [.connect])
    #expect(procedure.step(.connected) == [.call(.connect)])
    #expect(procedure.step(.answered(.connect, .success(()))) == [.call(.create)])
    #expect(procedure.step(.answered(.create, .success(()))) == [.call(.start)])
    #expect(procedure.step(.answered(.start, .success(()))) == [.call(.wait), .arm(seconds: 5), .converse])
    #expect(procedure.step(.greeted) == [.arm(seconds: 7)])
    #expect(procedure.step(.proven) == [.tellStarted])
    #expect(procedure.step(.finished(done())) == [.closeInput, .arm(seconds: 10)])
    #expect(procedure.step(.answered(.closeInput, .success(()))) == [])
    #expect(procedure.step(.answered(.wait, .success(()))) == [.call(.delete)])
    #expect(procedure.step(.answered(.delete, .success(()))) == [.call(.shutdown)])
    #expect(procedure.step(.answered(.shutdown, .failure(.connectionLost("gone")))) == [.reap(clean: true)])
    #expect(procedure.step(.reaped(nil)) == [.tellFinished])
    #expect(procedure.ending == .completed(exitStatus: 0))
  }

  @Test("an exit without the guest's own word is a failure, whatever status the shim tells")
  func exitAlone() {
    var procedure = running()
    #expect(procedure.step(.answered(.wait, .success(()))) == [.arm(seconds: 2)])
    #expect(procedure.step(.elapsed) == [.call(.delete)])
    guard case .sandboxFailed(let why) = procedure.ending else {
      Issue.record("it counted: \(procedure.ending)")
      return
    }
    #expect(why.contains("before its guest had said"))
  }

  @Test("a word that was on its way when the task ended counts")
  func lateWord() {
    var procedure = running()
    _ = procedure.step(.answered(.wait, .success(())))
    #expect(procedure.step(.finished(done(3))) == [.call(.delete)])
    #expect(procedure.ending == .completed(exitStatus: 3))
  }

  @Test("a call that hangs ends at its deadline, and the clean-up then trusts nothing")
  func hanging() {
    let late = Result<Void, TTRPCFailure>.failure(.deadlineExceeded)
    var procedure = TaskProcedure(Self.allowances)
    for event in [TaskProcedure.Event.begun, .launched, .connected] { _ = procedure.step(event) }
    #expect(procedure.step(.answered(.connect, late)) == [.reap(clean: false)])
    // A create without an answer leaves its machine running: nothing is deleted, all is removed.
    var creating = TaskProcedure(Self.allowances)
    for event in [TaskProcedure.Event.begun, .launched, .connected] { _ = creating.step(event) }
    _ = creating.step(.answered(.connect, .success(())))
    #expect(creating.step(.answered(.create, late)) == [.reap(clean: false)])
    #expect(creating.ending == .sandboxFailed("Create: no answer within the deadline"))
    var deleting = running()
    _ = deleting.step(.finished(done()))
    _ = deleting.step(.answered(.wait, .success(())))
    #expect(deleting.step(.answered(.delete, late)) == [.reap(clean: false)])
    #expect(deleting.ending == .completed(exitStatus: 0), "what the guest said stays said")
  }

  @Test("a shim that does not shut down is not given time to go, and its clean-up trusts nothing")
  func deafShutdown() {
    for (answer, isClean) in [
      (Result<Void, TTRPCFailure>.failure(.deadlineExceeded), false), (.failure(.exhausted), false),
      (.failure(.connectionLost("gone")), true), (.success(()), true),
    ] {
      var procedure = running()
      _ = procedure.step(.finished(done()))
      _ = procedure.step(.answered(.wait, .success(())))
      _ = procedure.step(.answered(.delete, .success(())))
      var hangingUp = procedure
      #expect(hangingUp.step(.connectionLost("gone")) == [.reap(clean: true)])
      #expect(procedure.step(.answered(.shutdown, answer)) == [.reap(clean: isClean)], "\(answer)")
      #expect(procedure.ending == .completed(exitStatus: 0))
    }
  }

  @Test("a task that has not run is never deleted, however it ends: some shims would leave its machine")
  func unstarted() {
    let calls: [TaskProcedure.Call] = [.connect, .create, .start]
    let late = Result<Void, TTRPCFailure>.failure(.deadlineExceeded)
    for (answered, open) in calls.enumerated() {
      var procedure = TaskProcedure(Self.allowances)
      for event in [TaskProcedure.Event.begun, .launched, .connected] { _ = procedure.step(event) }
      for call in calls[..<answered] { _ = procedure.step(.answered(call, .success(()))) }
      for event in [TaskProcedure.Event.killed, .connectionLost("gone"), .answered(open, late)] {
        var ending = procedure
        #expect(ending.step(event) == [.reap(clean: false)], "\(open.rawValue): \(event)")
      }
    }
  }

  /// A module that runs, and whose shim has told of it so many times until its delete was answered.
  private func module(_ told: [UInt32], outOfMemory: Bool = false) -> RunEnding {
    var allowances = Self.allowances
    allowances.hasGuest = false
    var procedure = TaskProcedure(allowances)
    for event in [TaskProcedure.Event.begun, .launched, .connected] { _ = procedure.step(event) }
    for call in [TaskProcedure.Call.connect, .create] { _ = procedure.step(.answered(call, .success(()))) }
    #expect(
      procedure.step(.answered(.start, .success(())))
        == [.call(.wait), .arm(seconds: 7), .tellStarted, .converse])
    if outOfMemory { _ = procedure.step(.outOfMemory) }
    for status in told { _ = procedure.step(.told(status)) }
    _ = procedure.step(.answered(.wait, .success(())))
    #expect(procedure.step(.elapsed) == [.call(.delete)])
    #expect(procedure.step(.answered(.delete, .success(()))) == [.call(.shutdown)])
    return procedure.ending
  }

  @Test("how a module ended is what its shim told twice, and nothing else")
  func toldTwice() {
    #expect(module([3, 3]) == .toldByShim(exitStatus: 3))
    #expect(module([]) == .sandboxFailed("the shim told of its end "))
    #expect(module([0]) == .sandboxFailed("the shim told of its end 0"))
    #expect(module([0, 1]) == .sandboxFailed("the shim told of its end 0 and 1"))
    #expect(module([0, 0, 0]) == .sandboxFailed("the shim told of its end 0 and 0 and 0"))
  }

  @Test(
    "137 is an end for want of memory where there was one, and a status like any other where there was none")
  func killedStatus() {
    func ending(_ status: Int32, _ isOut: Bool) -> RunEnding {
      var procedure = running()
      if isOut { _ = procedure.step(.outOfMemory) }
      _ = procedure.step(.finished(done(status)))
      return procedure.ending
    }
    #expect(ending(137, true) == .outOfMemory && ending(137, false) == .completed(exitStatus: 137))
    #expect(ending(136, true) == .completed(exitStatus: 136))
    #expect(module([137, 137], outOfMemory: true) == .outOfMemory)
    #expect(module([137, 137]) == .toldByShim(exitStatus: 137))
    #expect(module([1, 1], outOfMemory: true) == .toldByShim(exitStatus: 1))
  }

  @Test("a wait that never answers after the end is given up")
  func deafWait() {
    var procedure = running()
    _ = procedure.step(.finished(done()))
    #expect(procedure.step(.elapsed) == [.reap(clean: false)])
    #expect(procedure.ending == .completed(exitStatus: 0))
  }

  @Test("the shim's death in each phase ends in the clean-up")
  func shimDies() {
    var procedure = running()
    #expect(procedure.step(.connectionLost("gone")) == [.reap(clean: false)])
    #expect(procedure.step(.reaped("left behind: a mount")) == [.tellFinished])
    #expect(procedure.ending == .sandboxFailed("gone"))
    #expect(procedure.leftover == "left behind: a mount")
    var after = running()
    _ = after.step(.finished(done()))
    #expect(after.step(.connectionLost("gone")) == [.reap(clean: false)])
    #expect(after.ending == .completed(exitStatus: 0))
  }

  @Test("a kill before the task runs removes all; while it runs it kills, waits and deletes")
  func kills() {
    var early = TaskProcedure(Self.allowances)
    _ = early.step(.begun)
    // Before the shim's program has ended, nobody can say what it started.
    #expect(early.step(.killed) == [.stopLaunch] && early.step(.killed) == [])
    var failing = early
    #expect(early.step(.launched) == [.reap(clean: false)])
    #expect(failing.step(.failed("killed")) == [.reap(clean: false)])
    #expect(early.ending == .killed && failing.ending == .killed)
    var procedure = running()
    #expect(procedure.step(.killed) == [.call(.kill), .arm(seconds: 10)])
    #expect(procedure.step(.killed) == [])
    #expect(procedure.step(.answered(.kill, .success(()))) == [])
    // The guest may have been quicker; the first cause counts.
    #expect(procedure.step(.finished(done())) == [])
    #expect(procedure.step(.answered(.wait, .success(()))) == [.call(.delete)])
    #expect(procedure.ending == .killed)
  }

  @Test("the wall clock begins with the guest's first word; before that it is the boot's")
  func clocks() {
    var slow = conversing()
    #expect(slow.step(.elapsed) == [.call(.kill), .arm(seconds: 10)])
    #expect(slow.ending == .sandboxFailed("the guest did not answer within 5 seconds"))
    var long = running()
    #expect(long.step(.elapsed) == [.call(.kill), .arm(seconds: 10)])
    #expect(long.ending == .wallClock)
  }

  @Test("an end for want of memory is told as such, and only where it was one")
  func memory() {
    var killed = running()
    _ = killed.step(.outOfMemory)
    _ = killed.step(.finished(done(signal: 9)))
    #expect(killed.ending == .outOfMemory)
    var survived = running()
    _ = survived.step(.outOfMemory)
    _ = survived.step(.finished(done()))
    #expect(survived.ending == .completed(exitStatus: 0))
    var whole = running()
    _ = whole.step(.outOfMemory)
    _ = whole.step(.answered(.wait, .success(())))
    _ = whole.step(.elapsed)
    #expect(whole.ending == .outOfMemory)
    var other = running()
    _ = other.step(.finished(done(signal: 9)))
    #expect(other.ending == .signalled(number: 9))
  }

  @Test("a guest that breaks the protocol is killed, and what the guest says of itself is told")
  func violations() {
    var procedure = running()
    #expect(
      procedure.step(.violated("the guest said hello out of turn")) == [.call(.kill), .arm(seconds: 10)])
    #expect(procedure.ending == .sandboxFailed("the guest said hello out of turn"))
    var failed = running()
    _ = failed.step(.finished(done(failure: "no such program")))
    #expect(failed.ending == .sandboxFailed("the guest: no such program"))
  }
}
