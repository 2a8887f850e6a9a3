import Canonical
import Records
import Wire

/// What the nodes know of incidents, by their ids. A node's word alone: who says that it knows none may be lying, and
/// so one is unknown where as many nodes say so as sign.
struct KnownIncidents {
  private let threshold: Int
  /// Of each incident: the nodes that do not know it, and how many know it, or are of a program that cannot say.
  private let unknown: [(id: String, nodes: [String], others: Int)]

  /// Asks all nodes at once, for at most five seconds. One that cannot say, such as of an earlier program, counts for
  /// neither.
  init(_ session: Session, _ ids: [String]) throws {
    let threshold = session.threshold
    var unknown: [(id: String, nodes: [String], others: Int)] = []
    var rest = ids[...]
    while !rest.isEmpty {
      let page = Array(rest.prefix(StatusRequest.maximumIncidents))
      rest = rest.dropFirst(page.count)
      let answers = try session.everyNode(
        "Admin/Status", StatusRequest(incidents: page), of: StatusResponse.self, timeout: .seconds(5)
      ) { answers in answers.count { $0.message != nil } >= threshold ? .seconds(1) : nil }
      for id in page {
        let nodes = answers.filter { Self.state(of: id, in: $0.message) == "unknown" }
        let others = answers.count { $0.message != nil } - nodes.count
        unknown.append((id, nodes.map(\.node.name), others))
      }
    }
    self.threshold = threshold
    self.unknown = unknown
  }

  private static func state(of id: String, in answer: StatusResponse?) -> String? {
    guard let answer, let status = try? JSON.parse(answer.json) else { return nil }
    return status["incidents"]?.array?.first { $0["incident_id"]?.string == id }?["state"]?.string
  }

  /// Fails where as many nodes as sign do not know one of them, or fewer have answered and none of those knows it.
  func require() throws {
    if let silent = unknown.first(where: { $0.nodes.count < threshold && $0.others == 0 }) {
      let said =
        silent.nodes.isEmpty ? "no node answered" : "\(silent.nodes.joined(separator: ", ")) alone answered"
      throw Failure(
        .unreachable,
        "nobody can say whether \(silent.id) is a restriction: \(said), and \(threshold) sign. Ask again, or lift it "
          + "with --unseen, which bans an id that was never handed in")
    }
    let strangers = unknown.filter { $0.nodes.count >= threshold }
    guard !strangers.isEmpty else { return }
    let said = strangers.map { "\($0.id) (so say \($0.nodes.joined(separator: ", ")))" }
    throw Failure(
      .notFound,
      "no such restriction: \(said.joined(separator: "; ")). claw status names those in force; --unseen bans an id "
        + "that was never handed in")
  }
}
