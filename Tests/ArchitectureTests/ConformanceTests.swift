import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

/// Every row of the requirements' groups A to H.
private let required: [String] = {
  func numbered(_ prefix: String, _ count: Int) -> [String] { (1...count).map { "\(prefix)\($0)" } }
  var rows = (1...25).map { "INV-\($0 < 10 ? "00" : "0")\($0)" } + ["ENF-1"]
  rows += numbered("T1.", 2) + numbered("T2.", 6) + numbered("T3.", 3) + numbered("T4.", 2)
  rows += numbered("T5.", 4) + numbered("API-", 9) + numbered("TOK-", 16) + numbered("HF-", 9)
  rows += numbered("RT-", 16) + numbered("POL-", 11) + numbered("IR-", 8)
  return rows
}()

/// One line of Docs/Conformance.md.
private struct Row {
  let ids: [String]
  /// Files, each with the names in it that enforce the row.
  let code: [(path: String, names: [String])]
  let tests: [String]
  let oracles: [String]
  let pending: String

  init?(_ line: Substring) {
    let cells = line.split(separator: "|", omittingEmptySubsequences: false)
      .map { $0.trimmingCharacters(in: .whitespaces) }
    guard cells.count == 7, cells[1] != "row", !cells[1].hasPrefix("-") else { return nil }
    ids = cells[1].components(separatedBy: ", ")
    code = cells[2].matches(of: /`([^`]+)`(?: \(([^)]+)\))?/).map { match in
      (String(match.1), match.2?.split(separator: ",").map(String.init) ?? [])
    }
    tests = cells[3].matches(of: /`([^`]+)`/).map { String($0.1) }
    oracles = cells[4].isEmpty ? [] : cells[4].components(separatedBy: ", ")
    pending = cells[5]
  }

  static func all() throws -> [Row] {
    let file = root.appendingPathComponent("Docs/Conformance.md")
    return try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
      .filter { $0.hasPrefix("|") }.compactMap(Row.init)
  }
}

struct ConformanceTableTests {
  @Test("every requirement of the groups A to H stands in Docs/Conformance.md, once")
  func complete() throws {
    let found = try Row.all().flatMap(\.ids)
    #expect(required.count == 112)
    #expect(found.sorted() == required.sorted())
  }

  @Test("every row names code, names in it and tests that exist, or the subject that it waits for")
  func rows() throws {
    let files = FileManager.default.enumerator(atPath: root.appendingPathComponent("Tests").path)
    let tests = (files?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix("Tests.swift") }
    // A campaign fails where one of the listed is never evaluated.
    let source = root.appendingPathComponent("Simulation/Simulator/Oracles.swift")
    let listed = try String(contentsOf: source, encoding: .utf8)
      .components(separatedBy: "static let names = [").last?.components(separatedBy: "]").first
    let oracles = try #require(listed)
    for row in try Row.all() {
      let name = row.ids.joined(separator: ", ")
      #expect(row.code.isEmpty == row.tests.isEmpty, "\(name): code without a test, or a test without code")
      #expect(!row.code.isEmpty || !row.pending.isEmpty, "\(name) is empty")
      if !row.pending.isEmpty {
        let subject = row.pending.prefix { $0 != ":" }
        #expect(["governance", "executors", "simulator"].contains(subject), "\(name) waits for \(subject)")
      }
      for (path, names) in row.code {
        let text = try? String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
        #expect(text != nil, "\(name): there is no \(path)")
        for word in names {
          let isThere = text?.ranges(of: word).contains { range in
            let before = text?[..<range.lowerBound].last
            let after = text?[range.upperBound...].first
            return !Self.isPart(before) && !Self.isPart(after)
          }
          #expect(isThere == true, "\(name): \(path) has no \(word)")
        }
      }
      for test in row.tests {
        #expect(tests.contains { $0.hasSuffix("/\(test).swift") }, "\(name): there is no \(test)")
      }
      for oracle in row.oracles {
        #expect(oracles.contains("\"\(oracle)\""), "\(name): \(oracle)")
      }
    }
  }

  /// Whether a character can be part of a name.
  private static func isPart(_ character: Character?) -> Bool {
    character.map { $0.isLetter || $0.isNumber || $0 == "_" } ?? false
  }
}
