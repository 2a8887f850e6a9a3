import Canonical
import Crypto
import OpenExec
import Records
import Testing

@Suite("Leases")
struct LeaseKeeperTests {
  let world: World
  let sent = Uptime(nanoseconds: 1_000_000_000)
  let now = Uptime(nanoseconds: 2_000_000_000)

  init() throws { world = try World() }

  func keeper(highest: LeaseMark? = nil) -> (LeaseKeeper, Challenge) {
    var keeper = LeaseKeeper(identity: world.identity, highest: highest)
    let challenge = keeper.challenge([UInt8](repeating: 5, count: 32), at: sent)
    return (keeper, challenge)
  }

  func refused(_ keeper: inout LeaseKeeper, _ offer: LeaseOffer) -> LeaseRefusal? {
    do throws(LeaseRefusal) {
      _ = try keeper.accept(offer, at: now)
      return nil
    } catch {
      return error
    }
  }

  func refusal(_ spoil: (inout World.LeasePlan) -> Void) -> LeaseRefusal? {
    var (keeper, challenge) = keeper()
    var plan = World.LeasePlan()
    spoil(&plan)
    do throws(LeaseRefusal) {
      _ = try keeper.accept(world.lease(plan, answering: challenge), at: now)
      return nil
    } catch {
      #expect(keeper.current == nil && keeper.highest == nil)
      return error
    }
  }

  @Test("its life counts from the moment the challenge was sent, and its time is never behind")
  func life() throws {
    var (keeper, challenge) = keeper()
    let lease = try keeper.accept(world.lease(World.LeasePlan(), answering: challenge), at: now)
    #expect(lease.began == sent)
    #expect(lease.end == sent.advanced(by: .seconds(10)))
    #expect(keeper.live(at: Uptime(nanoseconds: 10_999_999_999)) != nil)
    #expect(keeper.live(at: Uptime(nanoseconds: 11_000_000_000)) == nil)
    #expect(lease.time(at: now) == World.start.advanced(by: .seconds(2)))
  }

  @Test("what is not signed for this cluster, is no lease, or is over, is refused")
  func spoiled() {
    #expect(refusal { _ in } == nil)
    #expect(refusal { $0.byStranger = true } == .unknownKey)
    #expect(refusal { $0.hasLine = false } == .noLeaseLine)
    #expect(refusal { $0.seconds = 1 } == .lapsed)
    let entry = RestrictionList.Entry(incidentID: "i", target: .all)
    #expect(
      refusal {
        $0.restrictions = [entry]
        $0.givenRestrictions = []
      } == .restrictionsMismatch)
  }

  @Test("only a lease that commits to an open challenge of this executor's own")
  func challenges() throws {
    var (keeper, _) = keeper()
    let strange = Challenge(
      executor: world.executor, incarnation: 3, bytes: [UInt8](repeating: 6, count: 32))
    #expect(refused(&keeper, world.lease(World.LeasePlan(), answering: strange)) == .challengeMissing)
    let earlier = Challenge(
      executor: world.executor, incarnation: 2, bytes: [UInt8](repeating: 5, count: 32))
    #expect(refused(&keeper, world.lease(World.LeasePlan(), answering: earlier)) == .challengeMissing)
  }

  @Test("the challenge answered last may be answered again by a newer note, for no longer a life")
  func again() throws {
    var (keeper, challenge) = keeper()
    let first = try keeper.accept(world.lease(World.LeasePlan(), answering: challenge), at: now)
    let later = World.start.advanced(by: .seconds(3))
    let plan = World.LeasePlan(size: 200, time: later)
    let second = try keeper.accept(
      world.lease(plan, answering: challenge), at: Uptime(nanoseconds: 5_000_000_000))
    #expect(second.mark.size == 200)
    #expect(second.began == first.began && second.end == first.end)
    // The newer note's time is no reason to count what passed before it twice.
    let after = Uptime(nanoseconds: 6_000_000_000)
    #expect(second.time(at: after) == first.time(at: after))
  }

  @Test("once a newer challenge is answered, an older one is not")
  func superseded() throws {
    var (keeper, first) = keeper()
    let second = keeper.challenge([UInt8](repeating: 6, count: 32), at: now)
    _ = try keeper.accept(world.lease(World.LeasePlan(), answering: first), at: now)
    _ = try keeper.accept(world.lease(World.LeasePlan(size: 200), answering: second), at: now)
    #expect(
      refused(&keeper, world.lease(World.LeasePlan(size: 300), answering: first)) == .challengeMissing)
  }

  @Test("ordered by size, then time; older ones and ties are refused, also after a restart")
  func order() throws {
    let mark = LeaseMark(size: 100, time: World.start.advanced(by: .seconds(1)))
    let cases: [(UInt64, Int64, Bool)] = [
      (100, 1, false), (100, 0, false), (99, 9, false), (100, 2, true), (101, 0, true),
    ]
    for (size, seconds, isNewer) in cases {
      var (keeper, challenge) = keeper(highest: mark)
      let plan = World.LeasePlan(size: size, time: World.start.advanced(by: .seconds(seconds)))
      let offer = world.lease(plan, answering: challenge)
      if isNewer {
        #expect(refused(&keeper, offer) == nil)
      } else {
        #expect(refused(&keeper, offer) == .notNewer(than: mark))
      }
    }
  }

  @Test("open challenges are bounded; the oldest gives way")
  func bounded() throws {
    var (keeper, first) = keeper()
    for number in 1...LeaseKeeper.maximumChallenges {
      _ = keeper.challenge([UInt8](repeating: UInt8(100 + number), count: 32), at: now)
    }
    #expect(refused(&keeper, world.lease(World.LeasePlan(), answering: first)) == .challengeMissing)
  }
}
