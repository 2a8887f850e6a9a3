import Canonical
import Foundation
import Records
import Testing

/// What these tests need beside machines.
private enum Faults {
  static let compiler = ["/opt/swift/usr/bin/clang", "/usr/bin/clang", "/usr/bin/cc"].first {
    FileManager.default.isExecutableFile(atPath: $0)
  }
  static var obstacle: String? {
    Machines.obstacle ?? (compiler == nil ? "there is no C compiler" : nil)
  }
}

/// A live executor whose journal's disk fills up, and whose clocks jump: jobs are refused or marked, nothing runs twice, and
/// nothing that was promised is lost.
@Suite(.serialized, .enabled(if: Faults.obstacle == nil, "\(Faults.obstacle ?? "")"))
struct ExecutorFaultTests {
  private let governance: ScriptedGovernance
  private let node: ScriptedGovernanceNode

  init() throws {
    let governance = try ScriptedGovernance()
    self.governance = governance
    node = try ScriptedGovernanceNode(governance)
  }

  private func wait(_ what: String, seconds: Int = 90, _ condition: () throws -> Bool) throws {
    try Patience.wait(for: what, seconds: seconds, condition)
  }

  // MARK: A full disk

  /// Takes all that is left of the journal's disk.
  private func fill(_ journal: String) throws {
    let file = "\(journal)/fill.new"
    let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    try #require(descriptor >= 0)
    let bytes = [UInt8](repeating: 1, count: 4_096)
    while write(descriptor, bytes, bytes.count) > 0 {}
    #expect(errno == ENOSPC)
    close(descriptor)
  }

  private func expectEnd(_ executor: LiveExecutor) throws {
    try wait("it ends") { !executor.process.isRunning }
    #expect(executor.process.terminationStatus == 1)
    #expect(
      executor.reasons("fatal").first?.contains("No space left on device") == true, "\(executor.lastLine)")
    #expect(executor.lastLine.hasPrefix("openexec: journal: "), "\(executor.lastLine)")
  }

  @Test(
    "a full disk before the nonce is burned: nothing runs, and with room again the job does, once",
    arguments: [false, true])
  func full(_ isRunning: Bool) throws {
    let journal = "\(node.folder)/executors/executor-1/data/journal"
    try FileManager.default.createDirectory(atPath: journal, withIntermediateDirectories: true)
    let mounted = try Programs.run(
      "/bin/mount", ["-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", journal])
    try #require(mounted.code == 0, "\(mounted.output)")
    defer { _ = try? Programs.run("/bin/umount", ["-l", journal]) }
    // Its end is waited for before the disk goes.
    do {
      let executor = try LiveExecutor(node)
      try executor.waitUntilReady()
      let offer = try governance.approval("full")
      if isRunning {
        governance.offer([offer])
        try wait("the job has begun") { executor.started == ["token-full"] }
        try fill(journal)
      } else {
        try wait("it has a lease") { governance.state.withLock { $0.leases > 0 } }
        try fill(journal)
        governance.offer([offer])
      }
      try expectEnd(executor)
      #expect(executor.started == (isRunning ? ["token-full"] : []))
      #expect(governance.receipt("full") == nil)
      try FileManager.default.removeItem(atPath: "\(journal)/fill.new")
      let again = try LiveExecutor(node, again: true)
      try again.waitUntilReady()
      governance.offer([offer])
      try wait("its receipt is there") { governance.receipt("full") != nil }
      let receipt = try #require(governance.receipt("full"))
      if isRunning {
        // Nobody can say how far it got; it is said so, and it never runs again.
        #expect(receipt.status == .unknown && receipt.errorCode == "EXECUTOR_RESTARTED")
        #expect(again.started == [])
      } else {
        #expect(receipt.status == .succeeded && again.started == ["token-full"])
      }
      governance.offer([try governance.approval("after")])
      try wait("the next one has run") { governance.receipt("after")?.status == .succeeded }
    }
  }

  // MARK: The look at the host

  /// Ends the machines that a program has begun: children of one of its threads.
  private func endMachines(of process: Process) {
    let tasks = "/proc/\(process.processIdentifier)/task"
    // A thread may end while they are looked through.
    for task in (try? FileManager.default.contentsOfDirectory(atPath: tasks)) ?? [] {
      let children = (try? String(contentsOfFile: "\(tasks)/\(task)/children", encoding: .utf8)) ?? ""
      for child in children.split(separator: " ").compactMap({ pid_t($0) }) {
        let name = (try? String(contentsOfFile: "/proc/\(child)/comm", encoding: .utf8)) ?? ""
        if name.hasPrefix("qemu-system") { kill(child, SIGKILL) }
      }
    }
  }

  @Test(
    "an executor whose first look at its host came to grief takes no job before the second, and then runs it")
  func failedProbe() throws {
    let executor = try LiveExecutor(node)
    governance.offer([try governance.approval("early")])
    try wait("it has found nothing") {
      endMachines(of: executor.process)
      return !executor.events("isolation_classes").isEmpty
    }
    #expect(executor.events("isolation_classes").first?["active"] == [])
    try executor.waitUntilReady()
    try wait("it has run") { governance.receipt("early") != nil }
    #expect(
      governance.receipt("early")?.status == .succeeded, "\(governance.receipt("early")?.errorCode ?? "")")
    #expect(executor.events("job_refused").isEmpty)
  }

  // MARK: Clocks

  /// The clocks of one program.
  private final class Clocks {
    let environment: [String: String]
    private let path: String

    init(in folder: String) throws {
      let library = "\(folder)/clock-shift.so"
      let source = Programs.repository.appendingPathComponent("Tests/tools/clock-shift.c").path
      let made = try Programs.run(
        try #require(Faults.compiler), ["-shared", "-fPIC", "-O1", "-o", library, source])
      try #require(made.code == 0, "\(made.output)")
      path = "\(folder)/clock-shift"
      environment = ["LD_PRELOAD": library, "CLOCK_SHIFT": path]
      try set(wall: 0, boot: 0)
    }

    /// Seconds from what they are.
    func set(wall: Int64, boot: Int64) throws {
      var bytes: [UInt8] = []
      for seconds in [wall, boot] {
        withUnsafeBytes(of: (seconds * 1_000_000_000).littleEndian) { bytes += $0 }
      }
      if !FileManager.default.fileExists(atPath: path) {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return
      }
      // In place: the program has it mapped.
      let handle = try #require(FileHandle(forWritingAtPath: path))
      try handle.write(contentsOf: Data(bytes))
      try handle.close()
    }
  }

  @Test("an executor's wall clock jumps a day forward and back: jobs run, at the cluster's time")
  func wallClock() throws {
    let clocks = try Clocks(in: node.folder)
    let executor = try LiveExecutor(node, environment: clocks.environment)
    try executor.waitUntilReady()
    for (name, wall) in [("level", 0), ("ahead", 86_400), ("behind", -86_400)] as [(String, Int64)] {
      try clocks.set(wall: wall, boot: 0)
      governance.offer([try governance.approval(name)])
      try wait("\(name) has run") { governance.receipt(name) != nil }
      let receipt = try #require(governance.receipt(name))
      #expect(receipt.status == .succeeded, "\(name): \(receipt.errorCode)")
      let distance = receipt.executedAt.since(SampleLedger.at).nanoseconds / 1_000_000_000
      #expect((0..<1_200).contains(distance), "\(name): \(receipt.executedAt.text)")
    }
    #expect(executor.started == ["token-level", "token-ahead", "token-behind"])
    // The log is by the host's clock, and tells of the jumps.
    #expect(executor.events("job_ended").count == 3)
  }

  @Test(
    "its host was asleep for a minute: what ran is stopped as its lease has lapsed, and the next lease is taken"
  )
  func sleep() throws {
    let clocks = try Clocks(in: node.folder)
    let executor = try LiveExecutor(node, environment: clocks.environment)
    try executor.waitUntilReady()
    governance.offer([try governance.approval("asleep")])
    try wait("the job has begun") { executor.started == ["token-asleep"] }
    try clocks.set(wall: 60, boot: 60)
    try wait("its receipt is there") { governance.receipt("asleep") != nil }
    let receipt = try #require(governance.receipt("asleep"))
    #expect(receipt.status == .aborted && receipt.errorCode == "LEASE_LAPSED", "\(receipt.errorCode)")
    // Its connections have not outlived the minute either: what is offered on a dead one is offered again, as nodes do.
    let next = try governance.approval("awake")
    try wait("the next one has run") {
      governance.offer([next])
      return governance.receipt("awake") != nil
    }
    #expect(
      governance.receipt("awake")?.status == .succeeded, "\(governance.receipt("awake")?.errorCode ?? "")")
    #expect(executor.started == ["token-asleep", "token-awake"])
  }
}
