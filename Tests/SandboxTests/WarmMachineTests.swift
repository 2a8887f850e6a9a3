import EventLoop
import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// Machines that stand ready. Of the suite of real machines, since these run one after the other.
extension MicroVMTests {
  /// Runs to the end; also how long it took until the guest had proven itself.
  private func timed(_ order: RunOrder, _ rig: Rig) throws -> (outcome: RunOutcome, start: Double) {
    let begun = rig.loop.now.nanoseconds
    var started: UInt64?
    let outcome = try rig.carryOut(order) { started = started ?? $0.loop.now.nanoseconds }
    return (outcome, Double(try #require(started) - begun) / 1e9)
  }

  private func wait(for count: Int, _ rig: Rig) throws {
    let deadline = rig.loop.now.nanoseconds + 60_000_000_000
    while rig.host.ready < count, rig.loop.now.nanoseconds < deadline {
      _ = try rig.loop.schedule(after: .milliseconds(50)) {}
      try rig.loop.turn()
    }
    #expect(rig.host.ready == count)
  }

  @Test("a machine that stands ready starts its run in a twentieth of a boot, and serves once")
  func warm() throws {
    let rig = try Rig { $0.warmMachines = 1 }
    #expect(rig.host.ready == 0)
    let cold = try timed(rig.order(["/action", "echo"], parameters: #"{"text":"cold"}"#), rig)
    #expect(cold.outcome.ending == .completed(exitStatus: 0), "\(cold.outcome.ending)")
    try wait(for: 1, rig)
    let order = rig.order(["/action", "echo"], parameters: #"{"text":"warm"}"#)
    let warm = try timed(order, rig)
    print("job start: cold \(cold.start) s, warm \(warm.start) s, ratio \(warm.start / cold.start)")
    #expect(String(decoding: warm.outcome.output, as: UTF8.self) == "{\"text\":\"warm\"}\n")
    #expect(warm.outcome.guest?.answers(order.challenge) == true)
    #expect(warm.outcome.guest?.bootID != cold.outcome.guest?.bootID)
    // The next one is another machine again, with nothing of the one before. The quickest of several counts: what else
    // runs on the host makes one late, and none early.
    var best = warm.start
    var last = warm.outcome
    for _ in 0..<3 {
      try wait(for: 1, rig)
      let next = try timed(rig.order(["/action", "echo"], parameters: #"{"text":"next"}"#), rig)
      #expect(next.outcome.guest?.bootID != last.guest?.bootID)
      (best, last) = (min(best, next.start), next.outcome)
    }
    #expect(best <= 0.05 * cold.start, "cold \(cold.start) s, warm \(best) s")
    // Another image and another size get machines of their own.
    try wait(for: 1, rig)
    let other = try timed(rig.hostile("/bin/busybox ls /tmp | /bin/busybox wc -l"), rig)
    #expect(String(decoding: other.outcome.output, as: UTF8.self) == "0\n", "\(other.outcome.ending)")
    #expect(other.start > 0.05 * cold.start)
    rig.host.killAll()
    while rig.host.running > 0 { try rig.loop.turn() }
    try rig.expectNothingLeft()
  }

  @Test("a machine that dies while it stands ready is missed by nobody: the next run gets one of its own")
  func dies() throws {
    let rig = try Rig { $0.warmMachines = 1 }
    _ = try rig.carryOut(rig.order(["/action", "echo"], parameters: #"{"text":"first"}"#))
    try wait(for: 1, rig)
    for process in rig.machineProcesses() { kill(process, SIGKILL) }
    while rig.host.running > 0 { try rig.loop.turn() }
    #expect(rig.host.ready == 0)
    let next = try rig.carryOut(rig.order(["/action", "echo"], parameters: #"{"text":"second"}"#))
    #expect(next.ending == .completed(exitStatus: 0))
    rig.host.killAll()
    while rig.host.running > 0 { try rig.loop.turn() }
    try rig.expectNothingLeft()
  }
}
