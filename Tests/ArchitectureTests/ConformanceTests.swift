import Foundation
import Testing

struct ConformanceTableTests {
  @Test("every row of Docs/Conformance.md names code and tests that exist")
  func rows() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let table = try String(
      contentsOf: root.appendingPathComponent("Docs/Conformance.md"), encoding: .utf8)
    let enumerator = FileManager.default.enumerator(atPath: root.appendingPathComponent("Tests").path)
    let tests = (enumerator?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(".swift") }
    var count = 0
    for line in table.split(separator: "\n") where line.hasPrefix("| ") && line.contains("`") {
      let cells = line.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
      let names = cells.map { cell in
        cell.matches(of: /`([^`]+)`/).map { String($0.1) }
      }
      for path in names[1] {
        #expect(
          FileManager.default.fileExists(atPath: root.appendingPathComponent(path).path),
          "\(cells[0]): there is no \(path)")
      }
      for test in names[2] {
        #expect(tests.contains { $0.hasSuffix("/\(test).swift") }, "\(cells[0]): there is no \(test)")
      }
      count += 1
    }
    #expect(count >= 20)
  }
}
