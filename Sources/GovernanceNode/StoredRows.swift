import ClawLedger
import Crypto

/// What a party must not forget over a restart, and reads when it starts: restrictions that it has acknowledged, vetoes,
/// rulings of operators, the conflict that has halted it. A store that does not give it back must not pass for one that
/// has none: the party does not start then.
struct StoredRows {
  /// What they are, for whoever must replace the party: "the vetoes that this party has given".
  let what: String
  let prefix: [UInt8]

  /// The rows whose key begins with `prefix`, ascending, each without it.
  func read(_ ledger: Ledger) throws(NodeFault) -> [(name: [UInt8], value: [UInt8])] {
    let rows: [(key: [UInt8], value: [UInt8])]
    do throws(StoreFailure) {
      rows = try ledger.store.scan(.meta, from: prefix, limit: .max)
    } catch {
      throw fault("\(error)")
    }
    return rows.prefix { $0.key.starts(with: prefix) }.map {
      (Array($0.key.dropFirst(prefix.count)), $0.value)
    }
  }

  /// A row that is not what was written.
  func damaged(_ name: [UInt8]) -> NodeFault {
    fault("a row of key \(Hex.encode(prefix + name)) that is none of them")
  }

  private func fault(_ found: String) -> NodeFault {
    .state(
      "expected \(what), found \(found): nobody can say what this party must hold to, and it must be replaced "
        + "(claw members replace)")
  }
}
