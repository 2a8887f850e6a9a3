import Canonical
import Conformance
import Foundation
import Testing

@testable import Rego

/// The published cases, each in its class: all of the language and of the builtins that are functions of their arguments
/// pass, what would make two machines decide differently is refused by its name, and of what is out the number that pass is
/// printed.
///
/// Not seen here: parse and compile errors, of which the cases have none.
struct RegoConformanceTests {
  @Test(
    "every case of the language passes",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func core() throws { try expectAll("1-core", count: 696) }

  @Test(
    "every case of a deterministic builtin passes",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func pure() throws { try expectAll("2-pure", count: 738) }

  @Test(
    "every case passes without indexes too: what is not looked at could not have held",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func unindexed() throws {
    for name in ["1-core", "2-pure"] {
      for each in try ConformanceCase.all(class: name) {
        let fault = each.fault(hasPlaces: true)
        #expect(fault == nil, "\(each.folder) \(each.note)")
      }
    }
  }

  @Test(
    "what asks the network, the host or chance is refused by its name",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func refused() throws {
    let cases = try ConformanceCase.all(class: "3-refuse")
    #expect(cases.count == 22)
    for each in cases {
      let builtins = Builtins.refused.map(\.name).filter { name in each.modules.contains { $0.contains(name) }
      }
      #expect(builtins.count == 1, "\(each.note) names \(builtins)")
      #expect(throws: EvaluationError.self, "\(each.note)") {
        do {
          _ = try each.solutions()
        } catch let error as EvaluationError {
          #expect(error.code == "eval_builtin_error", "\(each.note): \(error)")
          #expect(error.description.contains("\(builtins.first ?? "?"): refused: "), "\(each.note): \(error)")
          throw error
        }
      }
    }
  }

  @Test(
    "what is out is counted, folder by folder",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func out() throws {
    let cases = try ConformanceCase.all(class: "4-out")
    #expect(cases.count == 362)
    var passed = 0
    var lines: [String] = []
    for folder in Set(cases.map(\.folder)).sorted() {
      let those = cases.filter { $0.folder == folder }
      let passing = those.count { $0.fault() == nil }
      passed += passing
      lines.append("  \(folder): \(passing) of \(those.count)")
    }
    print("4-out: \(passed) of \(cases.count) pass\n\(lines.joined(separator: "\n"))")
  }

  private func expectAll(_ name: String, count: Int) throws {
    let cases = try ConformanceCase.all(class: name)
    #expect(cases.count == count)
    var passed = 0
    for each in cases {
      let fault = each.fault()
      #expect(fault == nil, "\(each.folder) \(each.note)")
      if fault == nil { passed += 1 }
    }
    print("\(name): \(passed) of \(cases.count) pass")
  }
}
