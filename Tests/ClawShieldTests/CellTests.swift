import Canonical
import Crypto
import Records
import Testing

@testable import ClawShield

struct CellTests {
  /// A state that has every kind of cell.
  private func world() throws -> Governed {
    var world = try Governed()
    _ = try world.approved()
    let index = try world.propose(action: "publish")
    try world.settle()
    try world.vote("ann", on: index)
    try world.use(.quarantine, .tenant("rival"), id: "q")
    try world.use(.lift, id: "l", lifts: ["q", "unseen"])
    _ = try world.propose(by: Governed.otherAgent, depth: 9)
    try world.append(world.artifact("f", of: Governed.agent).0)
    return world
  }

  private func cells(_ state: ShieldState) -> [(name: String, bytes: [UInt8])] {
    var out: [(name: String, bytes: [UInt8])] = []
    state.cells.forEach { name, cell in out.append((name, cell.merkleBytes())) }
    return out
  }

  @Test("every kind of cell reads back from its name and bytes")
  func roundTrip() throws {
    let cells = cells(try world().state)
    let kinds = Set(cells.map { String($0.name.prefix { $0 != "/" }) })
    #expect(
      kinds == [
        "log", "genesis", "bundle", "enrolment", "proposal", "incident", "act", "spend", "artifact",
        "approvals", "voter",
      ])
    for (name, bytes) in cells {
      let cell = try Cell(name: name, bytes: bytes)
      #expect(cell.name == name && cell.merkleBytes() == bytes)
    }
  }

  @Test("a cell that is cut, altered in form, of another name or doubled is refused")
  func refusals() throws {
    let stored = cells(try world().state)
    for (position, cell) in stored.enumerated() {
      var altered = stored
      altered[position].bytes = Array(cell.bytes.dropLast())
      #expect(throws: ShieldError.self) { try ShieldState(restoring: altered) }
      altered[position].bytes = [0x20] + cell.bytes
      #expect(throws: ShieldError.self) { try ShieldState(restoring: altered) }
      altered[position] = (cell.name + "x", cell.bytes)
      #expect(throws: ShieldError.self) { try ShieldState(restoring: altered) }
      #expect(throws: ShieldError.self) { try ShieldState(restoring: stored + [cell]) }
    }
    for name in ["log", "genesis", "bundle"] {
      #expect(throws: ShieldError.self) {
        try ShieldState(restoring: stored.filter { $0.name != name })
      }
    }
    #expect(throws: ShieldError.self) { try ShieldState(restoring: stored + [("other", Array("{}".utf8))]) }
    let all = try ShieldState(restoring: stored.reversed())
    #expect(all.stateRoot == (try world().state.stateRoot))
  }

  @Test("the marks of approvals stand where they were set, across chunks")
  func approvalBits() {
    var bits = ApprovalBits(chunk: 3)
    for leaf: UInt64 in [3072, 3079, 3080, 4095] { bits.insert(leaf) }
    let found = (3072..<4096).filter { bits.contains($0) }
    #expect(found == [3072, 3079, 3080, 4095])
  }
}

struct OrderedMapTests {
  @Test("an ordered map does what a sorted array does, and its copies are not touched")
  func model() throws {
    var random = SplitMix(state: 11)
    var map = OrderedMap<Int, Int>()
    var model: [Int: Int] = [:]
    var copies: [(OrderedMap<Int, Int>, [Int])] = []
    for step in 0..<4000 {
      let key = Int.random(in: 0..<300, using: &random)
      if Bool.random(using: &random) {
        map[key] = step
        model[key] = step
      } else {
        map[key] = nil
        model[key] = nil
      }
      let keys = model.keys.sorted()
      #expect(map.count == keys.count && map.first?.key == keys.first && map[key] == model[key])
      #expect(map.rank(of: key) == keys.count { $0 < key })
      #expect(map.last(through: key) == keys.last { $0 <= key })
      if step % 100 == 0 {
        var visited: [Int] = []
        map.forEach(from: key) { found, value in
          visited.append(found)
          return value == model[found]
        }
        #expect(visited == keys.filter { $0 >= key })
        copies.append((map, keys))
      }
    }
    for (copy, keys) in copies {
      var visited: [Int] = []
      copy.forEach { key, _ in
        visited.append(key)
        return visited.count < 5
      }
      #expect(visited == Array(keys.prefix(5)))
    }
  }

  @Test("it stays shallow when keys come in order")
  func balance() {
    var map = OrderedMap<Int, Int>()
    for key in 0..<10_000 { map[key] = key }
    for key in 0..<5000 { map[key] = nil }
    #expect(map.height <= 26)
    #expect(map.count == 5000)
  }
}

struct FloorTests {
  @Test(
    "a raw shell is found, started directly or by a launcher (RT-8, INV-012)",
    arguments: [
      (["/bin/sh"], "sh"), (["bash", "-c", "x"], "bash"), (["/usr/bin/env", "A=1", "/bin/zsh"], "zsh"),
      (["busybox", "ash"], "ash"), (["/action", "sh"], nil), (["/usr/bin/env", "/action"], nil),
    ] as [([String], String?)])
  func shells(_ arguments: [String], _ shell: String?) {
    #expect(Floor.rawShell(arguments) == shell)
  }

  @Test("rules are bounded: what does not fit denies, and control characters do not pass")
  func bounded() {
    var rules = FiredRules()
    for number in 0..<200 { rules.fire("rule", .approve, "\(number)") }
    #expect(rules.list.count == FiredRules.maximumCount)
    #expect(rules.list.last?.rule == "rules.truncated" && rules.isDenied)
    var long = FiredRules()
    for _ in 0..<40 { long.fire("rule", .approve, String(repeating: "é", count: 4000)) }
    #expect(long.isDenied)
    #expect(long.list.allSatisfy { $0.message.utf8.count <= FiredRules.maximumMessage })
    #expect(plain("a\u{1B}[31mb\n", limit: 99) == "a?[31mb?")
    #expect(plain("ééé", limit: 5) == "éé")
  }

  @Test("people asked by several rules: of each role the highest count, the earliest deadline, at most 64")
  func asked() {
    var asked = AskedPeople()
    asked.add([ApprovalDemand(role: "a", count: 1), ApprovalDemand(role: "b", count: 3)], seconds: 60)
    asked.add([ApprovalDemand(role: "a", count: 2), ApprovalDemand(role: "b", count: 1)], seconds: 30)
    #expect(asked.demands == [ApprovalDemand(role: "a", count: 2), ApprovalDemand(role: "b", count: 3)])
    #expect(asked.seconds == 30 && !asked.isOverfull)
    for role in 0..<5 { asked.add([ApprovalDemand(role: "r\(role)", count: 16)], seconds: 9) }
    #expect(asked.isOverfull)
  }
}
