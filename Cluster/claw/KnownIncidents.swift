import Canonical
import Records
import Wire

/// What the nodes know of incidents, by their ids. A node's word alone: who says that it knows none may be lying, and
/// so one is unknown where as many nodes say so as sign.
struct KnownIncidents {
  private let threshold: Int
  /// Of each incident, the nodes that do not know it.
  private let unknown: [(id: String, nodes: [String])]

  /// Asks all nodes at once, for at most five seconds. One that cannot say, such as of an earlier program, counts for
  /// neither.
  init(_ session: Session, _ ids: [String]) throws {
    let threshold = session.threshold
    var unknown: [(id: String, nodes: [String])] = []
    var rest = ids[...]
    while !rest.isEmpty {
      let page = Array(rest.prefix(StatusRequest.maximumIncidents))
      rest = rest.dropFirst(page.count)
      let answers = try session.everyNode(
        "Admin/Status", StatusRequest(incidents: page), of: StatusResponse.self, timeout: .seconds(5)
      ) { answers in answers.count { $0.message != nil } >= threshold ? .seconds(1) : nil }
      for id in page {
        let nodes = answers.filter { Self.state(of: id, in: $0.message) == "unknown" }
        unknown.append((id, nodes.map(\.node.name)))
      }
    }
    self.threshold = threshold
    self.unknown = unknown
  }

  private static func state(of id: String, in answer: StatusResponse?) -> String? {
    guard let answer, let status = try? JSON.parse(answer.json) else { return nil }
    return status["incidents"]?.array?.first { $0["incident_id"]?.string == id }?["state"]?.string
  }

  /// Fails where as many nodes as sign do not know one of them.
  func require() throws {
    let strangers = unknown.filter { $0.nodes.count >= threshold }
    guard !strangers.isEmpty else { return }
    let said = strangers.map { "\($0.id) (so say \($0.nodes.joined(separator: ", ")))" }
    throw Failure(
      .notFound,
      "no such restriction: \(said.joined(separator: "; ")). claw status names those in force; --unseen bans an id "
        + "that was never handed in")
  }
}
