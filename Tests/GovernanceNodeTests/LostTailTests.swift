import Canonical
import ClawLedger
import Crypto
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Proposals that a leader appended with their decisions, and that leave its log again because another leader came:
/// who waits hears what is true of the final log, nothing is decided twice, and nothing that was told is lost.
struct LostTailTests {
  private static let second: UInt64 = 1_000_000_000
  private let world: World
  private let leader: NodeHost
  private let own: Credentials
  private let end: Timestamp
  private let heard = Heard()

  /// The answers to the test's own callers.
  private final class Heard {
    var answers: [CallKey: [(CallStatus, Outcome?)]] = [:]
  }

  init() throws {
    let world = try World(seed: 7, nodes: 5, threshold: 4, faults: .none)
    let agents = world.clients.compactMap { $0 as? SimulatedAgent }
    for agent in agents { agent.isActive = false }
    world.run(until: 2 * Self.second)
    self.world = world
    own = try #require(agents.first).credentials
    end = world.wall().advanced(by: .seconds(3600))
    leader = try #require(world.hosts.first { $0.view?.role == .leader })
    world.overhears = { [heard] answer in
      guard case .respond(let key, let status, let payload) = answer else { return }
      let outcome = status.code == .ok ? try? Outcome(decoding: payload) : nil
      heard.answers[key, default: []].append((status, outcome))
    }
  }

  private func key(_ number: UInt64) -> CallKey { CallKey(connection: 99, call: number) }

  /// What no policy allows: its decision is a denial, so nothing runs that the world's own clients did not propose.
  private func proposal(_ name: String, text: String? = nil) throws -> [UInt8] {
    guard case .agent(let tenant, _) = own.principal else { throw SimulationError.setup("an agent acts") }
    let item = Attachment.Item(
      salt: [UInt8](repeating: 7, count: 16), value: .object([("text", .string(text ?? name))]))
    let content = Proposal(
      traceID: "trace-\(name)", requestID: name, tenantID: tenant, workspaceID: "main",
      requestedBy: own.principal, action: "shell", parametersHash: item.hash, scopes: ["root"],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .internal, impactLevel: .low), inputs: [],
      validUntil: end)
    let signed = Signed.sign(content, cluster: own.cluster, as: own.principal, with: own.key)
    return Simulator.statement(signed, Attachment("parameters", item))
  }

  private func submit(_ statement: [UInt8], to host: NodeHost, call number: UInt64) {
    world.step(
      host.id,
      .call(
        ClientCall(
          key: key(number), caller: own.principal, method: Method.submit.path, payload: statement)))
  }

  private func pass(_ seconds: UInt64) {
    world.run(until: world.time + seconds * Self.second)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  /// The leaves of a request's proposal and of its decisions in what is final at a node.
  private func leaves(_ request: String, at host: NodeHost) -> (proposals: [UInt64], decisions: [UInt64]) {
    var (proposals, decisions): ([UInt64], [UInt64]) = ([], [])
    for index in 0..<(host.view?.finalSize ?? 0) {
      switch host.node?.raft.log.record(at: LeafIndex(index))?.body {
      case .proposal(let signed)? where signed.content.requestID == request: proposals.append(index)
      case .decision(let decision)? where decision.requestID == request: decisions.append(index)
      default: break
      }
    }
    return (proposals, decisions)
  }

  /// Takes a proposal and its decision into the log of a leader that nobody else hears.
  private func appendUnheard(_ names: [String]) throws -> UInt64 {
    world.sideOne = [leader.id]
    let before = try #require(leader.node?.raft.log.size)
    for (number, name) in names.enumerated() {
      submit(try proposal(name), to: leader, call: UInt64(number) + 1)
    }
    let after = try #require(leader.node?.raft.log.size)
    #expect(after == before + 2 * UInt64(names.count), "each with its decision")
    return after
  }

  private func rejoin() {
    world.sideOne = []
    world.reconnect()
  }

  @Test("what a deposed leader had appended and nobody else got is brought in again, and decided once")
  func truncated() throws {
    let names = (1...6).map { "lost-\($0)" }
    _ = try appendUnheard(names)
    pass(5)
    let successor = try #require(world.hosts.first { $0.id != leader.id && $0.view?.role == .leader })
    #expect(heard.answers.isEmpty, "nobody is told anything of what may yet go away")
    #expect(names.allSatisfy { leaves($0, at: successor).proposals.isEmpty })
    rejoin()
    pass(20)
    for (number, name) in names.enumerated() {
      let (proposals, decisions) = leaves(name, at: successor)
      #expect(proposals.count == 1 && decisions.count == 1, "\(name): \(proposals), \(decisions)")
      let answers = heard.answers[key(UInt64(number) + 1)] ?? []
      #expect(answers.count == 1 && answers.first?.0.code == .ok, "\(name): \(answers)")
      #expect(answers.first?.1?.proposal == proposals.first && answers.first?.1?.status == "denied")
    }
  }

  @Test("the same request at the old leader and at its successor is one proposal with one decision for both")
  func twice() throws {
    _ = try appendUnheard(["both"])
    pass(5)
    let successor = try #require(world.hosts.first { $0.id != leader.id && $0.view?.role == .leader })
    submit(try proposal("both"), to: successor, call: 50)
    pass(3)
    rejoin()
    pass(20)
    let (proposals, decisions) = leaves("both", at: leader)
    #expect(proposals.count == 1 && decisions.count == 1)
    for number in [1, 50] as [UInt64] {
      let answers = heard.answers[key(number)] ?? []
      #expect(answers.count == 1 && answers.first?.1?.proposal == proposals.first, "\(number): \(answers)")
    }
  }

  @Test("another content under the same request id that became final first: the old leader's caller hears so")
  func other() throws {
    _ = try appendUnheard(["taken"])
    pass(5)
    let successor = try #require(world.hosts.first { $0.id != leader.id && $0.view?.role == .leader })
    submit(try proposal("taken", text: "something else"), to: successor, call: 50)
    pass(3)
    rejoin()
    pass(20)
    #expect(leaves("taken", at: leader).proposals.count == 1)
    #expect(heard.answers[key(1)]?.map(\.0.code) == [.alreadyExists])
    #expect(heard.answers[key(50)]?.map(\.0.code) == [.ok])
  }
}
