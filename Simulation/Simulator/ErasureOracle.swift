import ClawLedger
import Crypto
import GovernanceNode
import Records

// What was erased is looked for where it stood: in what a node still reads, and on its disk, which has the sealed bytes
// and must not have their keys.
extension Oracles {
  private static var erasures: String { "erased is gone" }

  /// Once the run is over: each node that has carried its erasures out.
  mutating func checkErasures<Suite>(_ hosts: [NodeHost<Suite>], at time: UInt64) {
    for host in hosts {
      guard !liars.contains(host.id.rawValue), host.node?.isErasing == false,
        let state = host.node?.finalState
      else {
        continue
      }
      for (tenant, leaf) in state.erasures {
        evaluated(Self.erasures)
        if let key = host.disk.keys(of: tenant, before: leaf.value).first {
          fail(
            Self.erasures, "\(host.id) still has the key \(key) of \(tenant), erased at leaf \(leaf.value)",
            at: time)
        }
        for index in 0..<leaf.value {
          guard let record = host.record(at: index), case .proposal(let proposal) = record.body,
            case .agent(tenant, _) = proposal.content.requestedBy,
            host.node?.hasAttachment(at: LeafIndex(index)) == true
          else { continue }
          fail(
            Self.erasures,
            "\(host.id) still reads what stood beside leaf \(index) of \(tenant), erased at leaf \(leaf.value)",
            at: time)
        }
        for value in host.disk.sealedRows {
          guard let found = canaries.found(in: value).first else { continue }
          fail(
            Self.erasures,
            "\(host.id) has stored in plain what is in the \(found.place.rawValue) of \(found.agent.path)",
            at: time)
        }
      }
    }
  }
}

extension SimulatedDisk {
  /// The names of a tenant's keys from before a leaf, ascending.
  func keys(of tenant: String, before leaf: UInt64) -> [String] {
    keys.keys.sorted().filter { name in
      let parts = name.split(separator: ".")
      return parts.count == 2 && parts[0] == tenant && UInt64(parts[1]).map { $0 < leaf } == true
    }
  }

  /// What is stored of attachments and files.
  var sealedRows: [[UInt8]] {
    [Column.attachments, .artifacts].flatMap { column in
      ((try? scan(column, from: [], limit: 1 << 20)) ?? []).map(\.value)
    }
  }
}
