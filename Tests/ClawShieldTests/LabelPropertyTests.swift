import ClawShield
import Crypto
import Records
import Testing

/// Labels along random graphs of actions, held against a model that knows nothing of ClawShield: a content in a workspace
/// has the labels of everything that was ever said of it, and a result those of all its inputs as they were then.
private struct LabelGraph {
  struct Place: Hashable {
    let workspace: String
    let content: String
  }

  var world: Governed
  var random: SplitMix
  /// The model: what each content must be labelled with.
  var labels: [Place: Set<String>] = [:]
  /// What the other tenant's contents must be labelled with, and in which order they came.
  var foreign: [String: Set<String>] = [:]
  var foreignKnown: [String] = []
  var crossed = 0
  /// Contents in the order in which they came.
  var known: [Place] = []
  var approved = 0
  var denied = 0
  var serial = 0

  static let cleared = Principal.agent(tenant: "acme", name: "cleared")
  static let agents = [Governed.agent, Governed.otherAgent, cleared]

  init(seed: UInt64) throws {
    world = try Governed()
    random = SplitMix(state: seed)
    let person = Governed.enrolment(Self.cleared, owner: "cleo", scopes: ["text", "label:pii"])
    #expect(try world.enrol(person) == .effective)
    let amy = Governed.enrolment(.approver("amy"), owner: "amy", roles: ["approver"], tenant: "acme")
    #expect(try world.enrol(amy) == .effective)
  }

  private mutating func pick<T>(_ list: [T]) -> T { list[Int.random(in: 0..<list.count, using: &random)] }
  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  /// What an agent's grant covers, spelled out once more.
  private func isCovered(_ label: String, _ agent: Principal) -> Bool {
    label == "acme" || label == "untrusted" || label.hasPrefix("tenant/acme/agent/")
      || label.hasPrefix("executor/") || (label == "pii" && agent == Self.cleared)
  }

  private mutating func note(_ labels: [String], of body: RecordBody, at place: Place, more: Set<String> = [])
  {
    guard case .artifact(let signed) = body else { return }
    if self.labels[place] == nil { known.append(place) }
    self.labels[place, default: []].formUnion(signed.content.labels)
    self.labels[place, default: []].formUnion(more)
  }

  /// A content that is new, or has been there under other labels.
  private mutating func content() -> String {
    if chance(30), !known.isEmpty { return pick(known).content }
    serial += 1
    return "content \(serial)"
  }

  mutating func put() throws {
    let place = Place(workspace: chance(80) ? "main" : "side", content: content())
    let own = pick([[], ["untrusted"], ["pii"], ["pii", "untrusted"]] as [[String]])
    let (body, attachment) = world.artifact(
      place.content, of: pick(Self.agents), workspace: place.workspace, labels: own)
    _ = try world.append(body, attachment)
    note(own, of: body, at: place)
  }

  mutating func putForeign() throws {
    let content = content()
    let own = pick([[], ["untrusted"], ["third"], ["acme", Governed.agent.path]] as [[String]])
    let (body, attachment) = world.artifact(content, of: Governed.foreignAgent, tenant: "rival", labels: own)
    _ = try world.append(body, attachment)
    guard case .artifact(let signed) = body else { return }
    if foreign[content] == nil { foreignKnown.append(content) }
    foreign[content, default: []].formUnion(signed.content.labels)
  }

  /// Reads a content of the other tenant, or one that nobody has, by the protocol of both.
  mutating func cross() throws {
    let agent = pick(Self.agents)
    var contents = [foreignKnown.isEmpty || chance(15) ? "of nobody \(serial)" : pick(foreignKnown)]
    if chance(50), !known.isEmpty {
      let place = pick(known)
      if place.content != contents[0] { contents.append(place.content) }
    }
    let index = try world.propose(
      by: agent, inputs: contents.map { SHA256.hash($0) },
      crossing: Crossing(tenantID: "rival", workspaceID: "main"))
    let own = contents.compactMap { labels[Place(workspace: "main", content: $0)] }
    let theirs = contents.filter { labels[Place(workspace: "main", content: $0)] == nil }
    let isCovered = own.allSatisfy { $0.allSatisfy { self.isCovered($0, agent) } }
    #expect(Set(try world.rules(index)) == (isCovered ? [] : ["floor.labels"]))
    guard isCovered else { return }
    try world.settle()
    try world.vote("rival-approver", on: index)
    try world.vote("amy", on: index)
    try world.settle()
    var expected: Set<String> = []
    if theirs.contains(where: { foreign[$0] == nil }) { expected.insert("floor.crossing_input") }
    let marks = theirs.compactMap { foreign[$0] }.reduce(into: Set<String>()) { $0.formUnion($1) }
    if marks.contains("third") { expected.insert("floor.crossing_labels") }
    #expect(Set(try world.rules(index)) == expected)
    guard let approval = try world.view(index).approval else { return }
    #expect(expected.isEmpty)
    crossed += 1
    let joined = own.reduce(into: marks.union(["rival", "untrusted"])) { $0.formUnion($1) }
    let result = Place(workspace: "main", content: content())
    let (body, attachment) = world.artifact(
      result.content, of: Governed.executor, labels: [agent.path], resultOf: approval)
    _ = try world.append(body, attachment)
    note([agent.path], of: body, at: result, more: joined)
  }

  mutating func act() throws {
    let agent = pick(Self.agents)
    var inputs: [Place] = []
    for _ in 0..<Int.random(in: 0...2, using: &random) where !known.isEmpty {
      let place = pick(known)
      if !inputs.contains(where: { $0.content == place.content }) { inputs.append(place) }
    }
    let index = try world.propose(
      by: agent, inputs: inputs.map { SHA256.hash($0.content) })
    // The proposal is of workspace main, whatever else its agent has heard of.
    let held = inputs.map { labels[Place(workspace: "main", content: $0.content)] }
    var expected: Set<String> = []
    if held.contains(where: { $0 == nil }) { expected.insert("floor.cross_workspace") }
    let joined = held.compactMap { $0 }.reduce(into: Set<String>()) { $0.formUnion($1) }
    if joined.contains(where: { !isCovered($0, agent) }) { expected.insert("floor.labels") }
    #expect(Set(try world.rules(index)) == expected)
    try world.settle()
    guard let approval = try world.view(index).approval else {
      denied += 1
      return
    }
    approved += 1
    // The executor leaves out what it likes.
    let result = Place(workspace: "main", content: content())
    let (body, attachment) = world.artifact(
      result.content, of: Governed.executor, labels: [agent.path], resultOf: approval)
    _ = try world.append(body, attachment)
    note([agent.path], of: body, at: result, more: joined)
    let (receipt, attached) = try world.receipt(for: approval) {
      $0.inputs = inputs.map { SHA256.hash($0.content) }
    }
    #expect(try world.append(receipt, attached) == .effective)
  }

  /// The state says of every content what the model says.
  func compare() {
    for place in known {
      let found = world.state.artifact(
        tenant: "acme", workspace: place.workspace, digest: SHA256.hash(place.content))
      #expect(Set(found?.labels ?? []) == labels[place] ?? [], "\(place)")
    }
  }
}

struct LabelPropertyTests {
  @Test(
    "labels follow random graphs of actions as a model has them, and references are held against grants",
    arguments: 1...6 as ClosedRange<UInt64>)
  func graphs(seed: UInt64) throws {
    var graph = try LabelGraph(seed: seed)
    for _ in 0..<60 {
      if Int.random(in: 0..<100, using: &graph.random) < 40 { try graph.put() } else { try graph.act() }
      graph.world.now = graph.world.now.advanced(by: .seconds(2))
    }
    graph.compare()
    #expect(try graph.world.restored().stateRoot == graph.world.state.stateRoot)
    #expect(graph.approved > 5 && graph.denied > 0, "\(graph.approved) approved, \(graph.denied) denied")
  }

  @Test("the same where two tenants agree on what crosses", arguments: 1...6 as ClosedRange<UInt64>)
  func crossings(seed: UInt64) throws {
    var graph = try LabelGraph(seed: seed)
    for _ in 0..<80 {
      switch Int.random(in: 0..<100, using: &graph.random) {
      case 0..<25: try graph.put()
      case 25..<50: try graph.putForeign()
      case 50..<75: try graph.cross()
      default: try graph.act()
      }
      graph.world.now = graph.world.now.advanced(by: .seconds(6))
    }
    graph.compare()
    #expect(graph.crossed > 3 && graph.approved > 3, "\(graph.crossed) crossed, \(graph.approved) approved")
    #expect(try graph.world.restored().stateRoot == graph.world.state.stateRoot)
  }
}
