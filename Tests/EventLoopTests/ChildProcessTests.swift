import CSystem
import Foundation
import Glibc
import Testing

@testable import EventLoop

@Suite("Child processes and signals")
struct ChildProcessTests {
  /// Runs a program to its end, and what it wrote to standard output.
  func run(
    _ path: String, _ arguments: [String], _ adjust: (inout SpawnPlan) -> Void = { _ in }
  ) throws -> (outcome: ExitOutcome, output: String) {
    let loop = try EventLoop()
    var ends: [Int32] = [0, 0]
    try #require(csystem_pipe(&ends) == 0)
    _ = csystem_set_nonblocking(ends[1], 0)
    var plan = SpawnPlan(path: path, arguments: [path] + arguments)
    plan.descriptors = [nil, ends[1], ends[1]]
    adjust(&plan)
    var outcome: ExitOutcome?
    var output: [UInt8] = []
    var ended = false
    do {
      _ = try loop.spawn(plan) { outcome = $0 }
    } catch {
      _ = csystem_close(ends[0])
      _ = csystem_close(ends[1])
      throw error
    }
    _ = csystem_close(ends[1])
    let watch = try loop.watch(ends[0], for: .read) { _ in
      var bytes = [UInt8](repeating: 0, count: 4_096)
      let count = csystem_read(ends[0], &bytes, bytes.count)
      if count > 0 { output += bytes[..<count] } else { ended = true }
    }
    try turn(loop) { outcome != nil && ended }
    loop.unwatch(watch)
    _ = csystem_close(ends[0])
    return (try #require(outcome), String(decoding: output, as: UTF8.self))
  }

  @Test("output and exit code come back; arguments are passed as they are")
  func output() throws {
    let result = try run("/bin/echo", ["a b", "$HOME;", "é"])
    #expect(result.outcome == .exited(code: 0))
    #expect(result.output == "a b $HOME; é\n")
    #expect(try run("/bin/sh", ["-c", "exit 7"]).outcome == .exited(code: 7))
  }

  @Test("a session of its own is one, where the plan asks for it")
  func session() throws {
    let script = "read pid name state parent group session rest </proc/self/stat; echo $((pid == session))"
    #expect(try run("/bin/sh", ["-c", script]) { $0.newSession = true }.output == "1\n")
    #expect(try run("/bin/sh", ["-c", script]).output == "0\n")
  }

  @Test("the environment is the plan's alone, and so is the folder")
  func environment() throws {
    let result = try run("/usr/bin/env", []) { $0.environment = ["ONLY=this"] }
    #expect(result.output == "ONLY=this\n")
    #expect(try run("/bin/pwd", ["-P"]) { $0.directory = "/usr" }.output == "/usr\n")
  }

  @Test("no descriptor leaks into the child, not even one that is not close-on-exec")
  func descriptors() throws {
    let leaky = open("/dev/null", O_RDONLY)
    #expect(leaky >= 0)
    defer { close(leaky) }
    let result = try run("/bin/ls", ["/proc/self/fd"])
    // 0, 1, 2, and the folder that `ls` itself has open.
    #expect(result.output == "0\n1\n2\n3\n")
  }

  @Test("descriptors take their places even when the places are taken by one another")
  func crossedDescriptors() throws {
    var ends: [Int32] = [0, 0]
    try #require(csystem_pipe(&ends) == 0)
    #expect(csystem_write(ends[1], "hello", 5) == 5)
    _ = csystem_close(ends[1])
    _ = csystem_set_nonblocking(ends[0], 0)
    let source = ends[0]
    let result = try run("/bin/cat", []) { plan in
      let output = plan.descriptors[1]
      plan.descriptors = [source, output, output] + [Int32?](repeating: output, count: 12)
    }
    _ = csystem_close(ends[0])
    #expect(result.output == "hello")
  }

  @Test("a program that cannot run is an error of its step, and leaves nothing")
  func refused() throws {
    func error(_ plan: SpawnPlan) throws -> SpawnError? {
      let loop = try EventLoop()
      do {
        _ = try loop.spawn(plan) { _ in }
        return nil
      } catch {
        return error
      }
    }
    let missing = SpawnPlan(path: "/no/such/program", arguments: ["x"])
    #expect(try error(missing) == .refused(.execute, SystemError(code: ENOENT, call: "spawn")))
    var folder = SpawnPlan(path: "/bin/true", arguments: ["true"])
    folder.directory = "/no/such/folder"
    #expect(try error(folder) == .refused(.directory, SystemError(code: ENOENT, call: "spawn")))
    let zero = SpawnPlan(path: "/bin/true", arguments: ["tr\0ue"])
    #expect(try error(zero) == .zeroByte(in: "arguments"))
    var closed = SpawnPlan(path: "/bin/true", arguments: ["true"])
    closed.descriptors = [9_999]
    #expect(try error(closed) == .refused(.descriptor, SystemError(code: EBADF, call: "spawn")))
  }

  @Test("a signalled child says by which signal; one that has ended cannot be signalled")
  func kill() throws {
    let loop = try EventLoop()
    var outcome: ExitOutcome?
    let child = try loop.spawn(SpawnPlan(path: "/bin/cat", arguments: ["cat", "/dev/zero"])) {
      outcome = $0
    }
    #expect(loop.processID(of: child) != nil)
    #expect(loop.signal(child, SIGKILL))
    try turn(loop) { outcome != nil }
    #expect(outcome == .signalled(number: SIGKILL))
    #expect(!loop.signal(child, SIGKILL))
    #expect(loop.processID(of: child) == nil)
  }

  @Test("many children at once are each told apart")
  func many() throws {
    let loop = try EventLoop()
    var outcomes = [ExitOutcome?](repeating: nil, count: 20)
    for index in 0..<20 {
      let plan = SpawnPlan(path: "/bin/sh", arguments: ["sh", "-c", "exit \(index)"])
      _ = try loop.spawn(plan) { outcomes[index] = $0 }
    }
    try turn(loop) { outcomes.allSatisfy { $0 != nil } }
    #expect(outcomes == (0..<20).map { .exited(code: $0) })
  }

  @Test(
    "a confined child has no user, no capability and no way to more",
    .enabled(if: getuid() == 0, "only root can give its power up"))
  func confined() throws {
    let result = try run("/bin/cat", ["/proc/self/status"]) { plan in
      plan.confinement.identity = (user: 61_234, group: 61_235)
      plan.confinement.dropsCapabilities = true
      plan.confinement.noNewPrivileges = true
      plan.confinement.limits = [.init(resource: Int32(RLIMIT_NOFILE.rawValue), soft: 16, hard: 16)]
      plan.deathSignal = SIGKILL
      plan.newSession = true
    }
    #expect(result.outcome == .exited(code: 0))
    #expect(result.output.contains("Uid:\t61234\t61234\t61234\t61234"))
    #expect(result.output.contains("Gid:\t61235\t61235\t61235\t61235"))
    #expect(result.output.contains("Groups:\t \n"))
    #expect(result.output.contains("CapEff:\t0000000000000000"))
    #expect(result.output.contains("CapBnd:\t0000000000000000"))
    #expect(result.output.contains("NoNewPrivs:\t1"))
    #expect(result.output.contains("SigBlk:\t0000000000000000"))
  }

  @Test(
    "namespaces, mounts and root: the child sees its own world",
    .enabled(
      if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/usr/bin/busybox"),
      "only root can make namespaces, and busybox is needed"))
  func namespaces() throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("root-\(UUID())").path
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: false)
    defer { rmdir(folder) }
    // A root that holds the host's programs, and nothing else of it.
    let script = "echo $$; /busybox hostname; cd ..; test -e busybox && test ! -e etc && echo inside"
    let result = try run("/busybox", ["sh", "-c", script]) { plan in
      plan.confinement.namespaces = [.mount, .process, .hostName, .network, .interprocess]
      plan.confinement.hostName = "cell"
      plan.confinement.mounts = [
        .init(source: "/usr/bin", target: folder, type: "none", flags: [.bind, .recursive])
      ]
      plan.confinement.root = folder
    }
    #expect(result.outcome == .exited(code: 0))
    #expect(result.output.hasPrefix("1\ncell\ninside\n"))
  }

  @Test("a system call filter that allows only what is listed kills what is not")
  func filter() throws {
    // Load the call's number; kill the process on getcwd (79 on x86-64), allow the rest.
    let result = try run("/bin/pwd", ["-P"]) { plan in
      plan.confinement.noNewPrivileges = true
      plan.confinement.filter = [
        bpf(0x20, 0, 0, 0), bpf(0x15, 0, 1, 79), bpf(0x06, 0, 0, 0x8000_0000), bpf(0x06, 0, 0, 0x7FFF_0000),
      ]
    }
    #expect(result.outcome == .signalled(number: SIGSYS))
  }

  private func bpf(_ code: UInt64, _ yes: UInt64, _ no: UInt64, _ value: UInt64) -> UInt64 {
    code | yes << 16 | no << 24 | value << 32
  }

  @Test("signals arrive on the loop")
  func signals() throws {
    // A real-time signal to this one thread, so that no other test notices.
    let number = SIGUSR2
    let loop = try EventLoop()
    let set = SignalSet([number, number])
    #expect(set.numbers == [number])
    try set.block()
    var received: [Int32] = []
    try loop.onSignals(set) { received.append($0) }
    pthread_kill(pthread_self(), number)
    try turn(loop) { !received.isEmpty }
    #expect(received == [number])
  }
}
