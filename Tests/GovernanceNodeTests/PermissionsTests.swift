import Foundation
import GovernanceNode
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

struct PermissionsTests {
  @Test("Docs/Permissions.md says exactly what the code allows")
  func documented() throws {
    let text = try String(
      contentsOf: root.appendingPathComponent("Docs/Permissions.md"), encoding: .utf8)
    var rows: [String: (callers: [Bool], isPublic: Bool)] = [:]
    for line in text.split(separator: "\n") where line.hasPrefix("| ") {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      guard cells[1].contains("/") else { continue }
      rows[cells[1]] = (cells[2..<8].map { $0 == "✓" }, cells[8] == "✓")
    }
    #expect(rows.count == Method.allCases.count)
    for method in Method.allCases {
      let allowed = CallerKind.allCases.map { method.callers.contains($0) }
      #expect(rows[method.rawValue]?.callers == allowed, "\(method.rawValue)")
      #expect(rows[method.rawValue]?.isPublic == !method.needsEnrolment, "\(method.rawValue)")
    }
  }

  @Test("a node's certificate calls nothing, and only agents submit")
  func nodes() {
    #expect(!Method.allCases.contains { $0.callers.contains(.node) })
    #expect(Method.submit.callers == [.agent])
  }
}
