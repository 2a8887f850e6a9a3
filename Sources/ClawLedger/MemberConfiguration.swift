import Raft
import Records

extension Configuration {
  /// As Raft sees the list of a record.
  public init(_ members: MemberList) {
    func nodes(_ ids: [Int]) -> [NodeID] { ids.compactMap { NodeID(rawValue: UInt64($0)) } }
    self.init(
      voters: nodes(members.voters), outgoing: nodes(members.outgoing), learners: nodes(members.learners))
  }
}

extension MemberList {
  /// As a record holds what Raft has.
  public init(_ configuration: Configuration) {
    func ids(_ nodes: [NodeID]) -> [Int] { nodes.map { Int($0.rawValue) } }
    self.init(
      voters: ids(configuration.voters), outgoing: ids(configuration.outgoing),
      learners: ids(configuration.learners))
  }
}
