import Raft
import Testing

@testable import GovernanceNode
@testable import Simulator

/// A node that leads as soon as it has begun: it does not know yet which executors there are.
struct YoungLeaderTests {
  private static let second: UInt64 = 1_000_000_000

  /// How agent 1's request ends that is proposed just after node 2, which began anew at 3 s, was handed leadership. Peers tell
  /// node 2 of executors from `told` on, and executors ask it nothing themselves before. And when agent 2's request ends, which
  /// came after that and is denied, whoever is there.
  private func outcome(toldAt told: UInt64) throws -> (status: String?, decidedAt: UInt64, deniedAt: UInt64) {
    let node = try #require(NodeID(rawValue: 2))
    var items = [
      Schedule.Item(at: 3 * Self.second, .crash(2, kept: 0, restartAfter: Self.second / 5)),
      Schedule.Item(at: 7 * Self.second / 2, .transfer(to: 2)),
      Schedule.Item(at: 4 * Self.second, .agent(1, .propose("echo", request: 1), at: 3)),
      Schedule.Item(at: 41 * Self.second / 10, .agent(2, .propose("unheard-of", request: 1), at: 3)),
    ]
    for executor in 1...2 as ClosedRange<UInt64> {
      items.append(
        Schedule.Item(at: 0, .executorCut(executor, from: [2], length: min(told, 60 * Self.second))))
    }
    let world = try World(Schedule(Conditions(seed: 3), items))
    world.isIgnored = { [unowned world] (receiver: NodeID, message) in
      receiver == node && world.time < told && message.challenge != nil
    }
    func status(_ agent: UInt64) -> String? {
      world.agents.lazy.flatMap(\.outcomes).first { $0.agent == agent && $0.request == 1 }?.status
    }
    var denied = UInt64.max
    while world.time < 20 * Self.second, status(1) != "approved", status(1) != "denied" {
      world.run(until: world.time + Self.second / 10)
      if status(2) == "denied" { denied = min(denied, world.time) }
    }
    #expect(world.hosts.first { $0.id == node }?.view?.role == .leader)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
    return (status(1), world.time, denied)
  }

  @Test("it waits for them before it denies for want of one, and nothing else waits with that")
  func waits() throws {
    let (status, time, denied) = try outcome(toldAt: 6 * Self.second)
    #expect(status == "approved" && time > 6 * Self.second, "\(status ?? "nothing") at \(time)")
    #expect(denied < 5 * Self.second, "\(denied)")
  }

  @Test("it does not wait for ever")
  func denies() throws {
    let (status, time, _) = try outcome(toldAt: .max)
    #expect(status == "denied", "\(status ?? "nothing")")
    #expect((9 * Self.second...11 * Self.second).contains(time), "\(time)")
  }
}
