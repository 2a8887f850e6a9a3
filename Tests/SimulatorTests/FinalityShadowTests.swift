import Raft
import Testing

@testable import Simulator

/// How long a leader that is free of faults may have something committed that is not final.
struct FinalityShadowTests {
  private static let millisecond: UInt64 = 1_000_000
  private let leader: NodeID
  private let other: NodeID

  init() throws {
    leader = try #require(NodeID(rawValue: 1))
    other = try #require(NodeID(rawValue: 2))
  }

  /// Looks every 50 ms from `first` to `last`, in milliseconds; the first objection, and when.
  private func watch(
    _ shadow: inout FinalityShadow, _ id: NodeID, life: UInt64 = 1, isFree: Bool = true, from first: UInt64,
    to last: UInt64, committed: UInt64 = 9, final: UInt64 = 7
  ) -> (why: String, at: UInt64)? {
    for time in stride(from: first, through: last, by: 50) where shadow.isDue(at: time * Self.millisecond) {
      let why = shadow.observe(
        id, life: life, isFree: isFree, committed: committed, final: final, at: time * Self.millisecond)
      if let why { return (why, time) }
    }
    return nil
  }

  @Test("what waits for 1.3 seconds waits too long, whenever it began")
  func late() {
    var shadow = FinalityShadow()
    #expect(watch(&shadow, leader, from: 100, to: 5_000, final: 9) == nil)
    let objection = watch(&shadow, leader, from: 5_050, to: 9_000)
    #expect(objection?.at == 6_400)
    #expect(objection?.why == "node 1 leads, and 9 entries are committed and only 7 final, for 1350 ms")
    var new = FinalityShadow()
    #expect(watch(&new, leader, from: 100, to: 9_000)?.at == 1_450)
  }

  @Test("how long a leader has led beside enough others counts from the last of them that was not free")
  func led() {
    var shadow = FinalityShadow()
    let second = 1_000 * Self.millisecond
    func look(_ time: UInt64, _ free: [NodeID]) {
      _ = shadow.isFree(free, at: time * Self.millisecond)
      _ = watch(&shadow, leader, from: time, to: time, final: 9)
    }
    func hasLed(_ id: NodeID, at time: UInt64) -> Bool {
      shadow.hasLed(id, for: second, at: time * Self.millisecond)
    }
    #expect(!hasLed(leader, at: 100))
    for time in stride(from: 100, through: 1_050, by: 50) { look(UInt64(time), [leader, other]) }
    #expect(!hasLed(leader, at: 1_099) && hasLed(leader, at: 1_100) && !hasLed(other, at: 1_100))
    #expect(!hasLed(leader, at: 1_151), "nobody has looked since")
    look(1_200, [])
    #expect(!hasLed(leader, at: 1_200))
    for time in stride(from: 1_250, through: 2_250, by: 50) { look(UInt64(time), [leader, other]) }
    #expect(hasLed(leader, at: 2_250))
    _ = shadow.isFree([leader, other], at: 2_300 * Self.millisecond)
    _ = watch(&shadow, other, from: 2_300, to: 2_300, final: 9)
    #expect(!hasLed(other, at: 2_300) && !hasLed(leader, at: 2_300), "another leads since now")
    for time in stride(from: 2_350, through: 3_300, by: 50) {
      _ = shadow.isFree([leader, other], at: UInt64(time) * Self.millisecond)
      _ = watch(&shadow, other, from: UInt64(time), to: UInt64(time), final: 9)
    }
    #expect(hasLed(other, at: 3_300))
    look(3_350, [leader])
    #expect(!hasLed(leader, at: 3_350))
  }

  @Test("more that is committed does not begin the wait anew, and what became final ends it")
  func moving() {
    var shadow = FinalityShadow()
    #expect(watch(&shadow, leader, from: 100, to: 1_000) == nil)
    #expect(watch(&shadow, leader, from: 1_050, to: 1_400, committed: 20, final: 8) == nil)
    #expect(watch(&shadow, leader, from: 1_450, to: 1_450, committed: 20, final: 8)?.at == 1_450)
    var other = FinalityShadow()
    #expect(watch(&other, leader, from: 100, to: 1_000) == nil)
    #expect(watch(&other, leader, from: 1_050, to: 2_300, committed: 20, final: 9) == nil)
  }

  @Test("another leader and another life begin it anew")
  func anew() {
    var shadow = FinalityShadow()
    #expect(watch(&shadow, leader, from: 100, to: 1_400) == nil)
    #expect(watch(&shadow, other, from: 1_450, to: 2_750) == nil)
    #expect(watch(&shadow, other, life: 2, from: 2_800, to: 4_100) == nil)
    #expect(watch(&shadow, other, life: 2, from: 4_150, to: 4_150)?.at == 4_150)
  }

  @Test("a fault and a pause begin it anew, and nothing else is given to what they met")
  func faults() {
    var shadow = FinalityShadow()
    #expect(watch(&shadow, leader, from: 100, to: 1_000) == nil)
    #expect(watch(&shadow, leader, isFree: false, from: 1_050, to: 3_000) == nil)
    #expect(watch(&shadow, leader, from: 3_050, to: 4_350) == nil)
    #expect(watch(&shadow, leader, from: 4_400, to: 4_400)?.at == 4_400)
    var paused = FinalityShadow()
    #expect(watch(&paused, leader, from: 100, to: 1_000) == nil)
    #expect(watch(&paused, leader, from: 2_000, to: 3_300) == nil)
    #expect(watch(&paused, leader, from: 3_350, to: 3_350)?.at == 3_350)
  }
}
