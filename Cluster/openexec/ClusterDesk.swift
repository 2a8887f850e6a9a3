import Wire

/// Which cluster this executor is of: what it has learned once, or asks its nodes until it has. Confined to the
/// station's loop.
final class ClusterDesk {
  private unowned let station: ExecutorStation
  /// Nil until as many nodes as it takes to sign have said the same.
  private(set) var pin: ClusterPin?
  /// What each node has said, once for each.
  private var answers: [(node: String, pin: ClusterPin)] = []

  init(station: ExecutorStation) { self.station = station }

  private var path: String { station.configuration.data + "/cluster.json" }

  /// Takes up what an earlier start has learned.
  func recall() throws { pin = try ClusterPin.read(path) }

  /// Asks every node; believes what as many parties say as it takes to sign.
  func ask() {
    for link in station.links where link.isConnected && !answers.contains(where: { $0.node == link.name }) {
      link.call("Ledger/Checkpoint", CheckpointRequest().encode(), timeout: .seconds(2)) {
        [unowned self] result in
        guard case .success(let payload) = result, let answer = ClusterPin(payload), pin == nil,
          !answers.contains(where: { $0.node == link.name })
        else { return }
        answers.append((link.name, answer))
        let same = answers.count { $0.pin == answer }
        guard same >= station.configuration.threshold else { return }
        do {
          try answer.write(path)
          pin = answer
          try station.begin()
        } catch {
          station.fail("\(error)")
        }
      }
    }
  }
}
