import Foundation
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

/// What serves anyone holds none of what the simulator puts in to find it again.
struct MutantFreeTests {
  private let names: [String]

  init() throws {
    let text = try String(
      contentsOf: root.appendingPathComponent("Sources/Mutants/Mutant.swift"), encoding: .utf8)
    names = text.matches(of: /case \w+ = "([^"]+)"/).map { String($0.1) }
  }

  @Test("no program of this build holds the name of a mutant")
  func programs() throws {
    #expect(names.count >= 40)
    for program in ["clawshield", "openexec", "claw"] {
      let bytes = try Data(contentsOf: Built.folder.appendingPathComponent(program), options: .alwaysMapped)
      for name in names { #expect(bytes.range(of: Data(name.utf8)) == nil, "\(program) holds \(name)") }
      // The search finds what is there.
      #expect(bytes.range(of: Data("clawshield".utf8)) != nil || program == "openexec")
    }
  }

  @Test(
    "every mutant that can be there stands in a real line, once or more, and the rest is named as pending")
  func hooks() throws {
    let mutant = try String(
      contentsOf: root.appendingPathComponent("Sources/Mutants/Mutant.swift"), encoding: .utf8)
    let cases = mutant.matches(of: /case (\w+) = "/).map { String($0.1) }
    var lines = ""
    for folder in ["Sources", "Simulation/Simulator"] {
      let path = root.appendingPathComponent(folder).path
      for case let name as String in FileManager.default.enumerator(atPath: path) ?? .init()
      where name.hasSuffix(".swift") && !name.hasPrefix("Mutants") {
        lines += (try? String(contentsOfFile: path + "/" + name, encoding: .utf8)) ?? ""
      }
    }
    let nowhere = cases.filter { !lines.contains("Mutant.\($0).isActive") }
    #expect(nowhere.isEmpty)
    let table = try String(
      contentsOf: root.appendingPathComponent("Simulation/clawsim/MutantTable.swift"), encoding: .utf8)
    // One that is equivalent may stand in both.
    let listed = Set(names + table.matches(of: /\(\s*"([a-z]+-\d\d-[^"]+)",/).map { String($0.1) })
    for (prefix, count) in [("raft", 32), ("gov", 32)] {
      for number in 1...count {
        let start = "\(prefix)-\(number < 10 ? "0" : "")\(number)-"
        #expect(listed.filter { $0.hasPrefix(start) }.count == 1, "\(start)")
      }
    }
  }
}
