import Canonical
import Foundation
import Records
import Testing

/// `Docs/Protocol/Records.md` has the members of every statement, so that a client can be written from it alone.
struct DocumentedContentTests {
  private static let page = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Docs/Protocol/Records.md")

  /// What is in back quotes in each row of the section, by the row's first word.
  private func documented() throws -> [String: [String]] {
    let text = try String(contentsOf: Self.page, encoding: .utf8)
    let section = try #require(
      text.components(separatedBy: "## Contents\n").last?.components(separatedBy: "\n## ").first)
    var rows: [String: [String]] = [:]
    for line in section.split(separator: "\n") where line.hasPrefix("| `") {
      let quoted = line.split(separator: "`", omittingEmptySubsequences: false).enumerated()
        .filter { $0.offset % 2 == 1 }.map { String($0.element) }
      rows[quoted[0]] = Array(quoted.dropFirst())
    }
    return rows
  }

  @Test("every member of every statement's content stands in its row")
  func members() throws {
    let rows = try documented()
    var seen: Set<String> = []
    for record in Samples.records {
      guard record.json["signatures"] != nil, record.body.type != .recovery,
        let content = record.json["content"]?.object
      else { continue }
      let type = record.body.type.rawValue
      seen.insert(type)
      let row = try #require(rows[type], "no row for \(type)")
      for member in content.members { #expect(row.contains(member.name), "\(type): \(member.name)") }
    }
    #expect(seen == Set(rows.keys))
  }

  @Test("a row names nothing that a statement of its type does not know")
  func unknown() throws {
    // The receipt has members that its sample lacks; the others' samples have all but what is named here.
    let absent: [String: Set<String>] = [
      "proposal": ["preview", "crossing", "workspace_id", "tenant_id"],
      "ballot": ["preview_hash", "challenge"], "policy": ["mode"],
      "enrol": ["revoke", "enrol"],
    ]
    var known: [String: Set<String>] = [:]
    func names(_ value: JSON) -> [String] {
      switch value {
      case .object(let object): object.members.flatMap { [$0.name] + names($0.value) }
      case .array(let elements): elements.flatMap(names)
      default: []
      }
    }
    for record in Samples.records where record.json["signatures"] != nil {
      known[record.body.type.rawValue, default: []].formUnion(names(record.json["content"] ?? .null))
    }
    for (type, row) in try documented() where type != "receipt" {
      let members = row.filter { $0.allSatisfy { $0.isLowercase || $0 == "_" } && $0 != "all" }
      for member in members {
        #expect(
          known[type]?.contains(member) == true || absent[type]?.contains(member) == true,
          "\(type): \(member)")
      }
    }
  }
}
