import Raft
import Testing

/// Random runs: crashes, loss, duplication, reordering, slow and hung disks, partitions in one direction and in
/// both, compaction and snapshots, changes of members, handover, reads, and disks that lose what they had.
/// Lies are not in them.
struct StormTests {
  static let seeds: [UInt64] = Array(1...320)

  @Test("safety in every storm, and service after it", arguments: [0, 1, 2, 3])
  func storm(part: Int) {
    var fired: [String: Int] = [:]
    var acknowledged = 0
    for seed in Self.seeds where seed % 4 == UInt64(part) {
      var storm = Storm(seed: seed)
      storm.rage(milliseconds: 1_000)
      let served = storm.heal(milliseconds: 2_500)
      #expect(storm.oracle.violations == [], "seed \(seed)")
      #expect(served, "no service after healing, seed \(seed)")
      let evidence = storm.nodes.flatMap(\.evidence)
      let accusations = evidence.filter {
        if case .acknowledgedAndLost = $0 { return false }
        return true
      }
      #expect(accusations == [], "honest nodes accused, seed \(seed)")
      for (index, payload) in storm.acknowledged {
        let committed = storm.oracle.committed
        #expect(
          index.rawValue <= committed.count && committed[Int(index.rawValue) - 1].payload == payload,
          "acknowledged entry lost at \(index), seed \(seed)")
      }
      acknowledged += storm.acknowledged.count
      fired.merge(storm.fired) { $0 + $1 }
    }
    // A run in which nothing happened proves nothing.
    for fault in [
      "crash", "restart", "loss", "duplication", "partition", "hang", "compaction", "snapshot", "election",
      "learners", "joint", "left", "transfer", "read", "lost tail",
    ] {
      #expect(fired[fault, default: 0] >= 20, "\(fault) hardly ever fired: \(fired)")
    }
    #expect(acknowledged >= 500)
  }

  @Test("the same seed gives the same run")
  func deterministic() {
    func run() -> [Entry] {
      var storm = Storm(seed: 42)
      storm.rage(milliseconds: 1_000)
      return storm.oracle.committed
    }
    let first = run()
    #expect(!first.isEmpty)
    #expect(first == run())
  }
}
