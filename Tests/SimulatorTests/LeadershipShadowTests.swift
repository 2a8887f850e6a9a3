import Raft
import Testing

@testable import Simulator

/// Who may go on leading, by what the world knows of its links and its disk.
struct LeadershipShadowTests {
  private let leader: NodeID
  private let other: NodeID

  init() throws {
    leader = try #require(NodeID(rawValue: 1))
    other = try #require(NodeID(rawValue: 2))
  }

  private static let millisecond: UInt64 = 1_000_000

  /// Looks at the leader every 50 ms from `first` to `last`, both in milliseconds; the first objection, and when.
  private func watch(
    _ shadow: inout LeadershipShadow, from first: UInt64, to last: UInt64, life: UInt64 = 1,
    leads: Bool = true, isDeaf: Bool = false, isHung: Bool = false
  ) -> (why: String, at: UInt64)? {
    for time in stride(from: first, through: last, by: 50) {
      let why = shadow.observe(
        leader, life: life, leads: leads, isDeaf: isDeaf, isHung: isHung, at: time * Self.millisecond)
      if let why { return (why, time) }
    }
    return nil
  }

  @Test("a leader that hears and writes may lead for ever")
  func healthy() {
    var shadow = LeadershipShadow()
    #expect(watch(&shadow, from: 0, to: 60_000) == nil)
  }

  @Test("one that no majority reaches may lead for two seconds, and no longer")
  func deaf() {
    var shadow = LeadershipShadow()
    #expect(watch(&shadow, from: 0, to: 1_000) == nil)
    #expect(watch(&shadow, from: 1_050, to: 3_050, isDeaf: true) == nil)
    let objection = watch(&shadow, from: 3_100, to: 9_000, isDeaf: true)
    #expect(objection?.at == 3_100)
    #expect(objection?.why == "node 1 leads, and no majority has reached it for 2050 ms")
  }

  @Test("one whose disk finishes nothing may lead for four and a half seconds, and no longer")
  func hung() {
    var shadow = LeadershipShadow()
    #expect(watch(&shadow, from: 0, to: 4_500, isHung: true) == nil)
    let objection = watch(&shadow, from: 4_550, to: 9_000, isHung: true)
    #expect(objection?.at == 4_550)
    #expect(objection?.why == "node 1 leads, and its disk has finished nothing for 4550 ms")
  }

  @Test("what was over in between counts from its new beginning")
  func interrupted() {
    var shadow = LeadershipShadow()
    #expect(watch(&shadow, from: 0, to: 1_900, isDeaf: true) == nil)
    #expect(watch(&shadow, from: 1_950, to: 1_950) == nil)
    #expect(watch(&shadow, from: 2_000, to: 4_000, isDeaf: true) == nil)
    #expect(watch(&shadow, from: 4_050, to: 4_050, isDeaf: true) != nil)
  }

  @Test("a node that steps down in time is not held to account, nor is it when it leads again")
  func stepsDown() {
    var shadow = LeadershipShadow()
    #expect(watch(&shadow, from: 0, to: 1_500, isDeaf: true, isHung: true) == nil)
    #expect(watch(&shadow, from: 1_550, to: 8_000, leads: false, isDeaf: true, isHung: true) == nil)
    #expect(watch(&shadow, from: 8_050, to: 10_000, isDeaf: true) == nil)
  }

  @Test("another life of the process, and one that was not looked at for long, begin anew")
  func begins() {
    var shadow = LeadershipShadow()
    #expect(watch(&shadow, from: 0, to: 1_900, isDeaf: true) == nil)
    #expect(watch(&shadow, from: 1_950, to: 3_900, life: 2, isDeaf: true) == nil)
    // It stood still: nothing was delivered, and nobody could have told it.
    #expect(watch(&shadow, from: 9_000, to: 11_000, life: 2, isDeaf: true) == nil)
    #expect(watch(&shadow, from: 11_050, to: 11_050, life: 2, isDeaf: true) != nil)
  }

  @Test("each node is measured by itself")
  func each() {
    var shadow = LeadershipShadow()
    for time in stride(from: UInt64(0), through: 2_000, by: 50) {
      let first = shadow.observe(
        leader, life: 1, leads: true, isDeaf: true, isHung: false, at: time * Self.millisecond)
      let second = shadow.observe(
        other, life: 1, leads: true, isDeaf: false, isHung: true, at: time * Self.millisecond)
      #expect(first == nil && second == nil)
    }
    #expect(
      shadow.observe(leader, life: 1, leads: true, isDeaf: true, isHung: false, at: 2_050 * Self.millisecond)
        != nil)
    #expect(
      shadow.observe(other, life: 1, leads: true, isDeaf: false, isHung: true, at: 2_050 * Self.millisecond)
        == nil)
  }
}
