// What the schedule does to an executor: cuts it off from nodes, and has it die.

extension ExecutorHost {
  func isCutOff(from node: UInt64) -> Bool { cuts.contains(node) }

  func cut(_ nodes: [UInt64]) { cuts += nodes }

  func mend(_ nodes: [UInt64]) {
    for node in nodes {
      if let position = cuts.firstIndex(of: node) { cuts.remove(at: position) }
    }
  }

  func mendAll() {
    cuts = []
    armed = nil
  }

  func arm(_ crash: ExecutorCrash) { armed = crash }
}
