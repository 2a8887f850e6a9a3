import GovernanceNode
import Raft
import Records
import Wire

// The agents' part of the world.
extension World {
  var agents: [SimulatedAgent] { clients.compactMap { $0 as? SimulatedAgent } }

  /// An agent does what the schedule says.
  func perform(_ number: UInt64, _ act: AgentAct, at node: UInt64) {
    guard let position = clients.firstIndex(where: { ($0 as? SimulatedAgent)?.number == number }),
      let agent = clients[position] as? SimulatedAgent
    else { return }
    send(agent.perform(act, at: node, time: time, wall: wall(), oracles: &oracles), of: agent, position)
  }

  /// Every agent asks once more what became of its requests.
  func readAll() {
    let nodes = core.filter { $0.isUp && isParty($0) }.map(\.id.rawValue)
    for (position, client) in clients.enumerated() {
      guard let agent = client as? SimulatedAgent else { continue }
      send(agent.readAll(time: time, nodes: nodes), of: agent, position)
    }
  }

  private func send(_ calls: [OutgoingCall], of agent: SimulatedAgent, _ position: Int) {
    for call in calls { agent.called(call, history: &oracles.history) }
    dispatch(calls, of: position)
  }
}
