import Foundation
import Testing

/// What authors of policies use: `claw policy`, on folders, with its exit codes.
struct PolicyCommandTests {
  /// A folder with these files; it goes when `body` ends.
  private func folder<T>(_ files: [String: String], _ body: (String) throws -> T) throws -> T {
    let root = FileManager.default.temporaryDirectory.path + "/policy-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    for (path, text) in files {
      let whole = "\(root)/\(path)"
      try FileManager.default.createDirectory(
        atPath: (whole as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
      try text.write(toFile: whole, atomically: true, encoding: .utf8)
    }
    return try body(root)
  }

  private func claw(_ arguments: String...) throws -> Outcome {
    try Programs.run("claw", ["policy"] + arguments)
  }

  private let standard = Programs.repository.appendingPathComponent("Deploy/policy").path

  @Test(
    "the default policy has no fault and no warning, its tests pass and reach every line, and it is laid out")
  func standardPolicy() throws {
    let check = try claw("check", standard, "--strict")
    #expect(check.code == 0, "\(check.output)")
    #expect(check.output.contains("2 modules, no fault, 0 warnings"), "\(check.output)")
    #expect(check.output.contains("INV-002") && !check.output.contains("INV-013"), "\(check.output)")
    let test = try claw("test", standard, "--coverage", "--minimum", "100")
    #expect(test.code == 0, "\(test.output)")
    #expect(test.output.contains("22 of 22 passed; 100 % of the policy's lines reached"), "\(test.output)")
    let layout = try claw("fmt", standard, "--check")
    #expect(layout.code == 0 && layout.output.isEmpty, "\(layout.output)")
  }

  @Test(
    "check says under which constitution a bundle is issued, and refuses one that cites what it has deprecated (POL-9)"
  )
  func constitution() throws {
    let registry = try String(contentsOfFile: standard + "/registry.json", encoding: .utf8)
      .replacing(
        "\"constitution_version\": \"1.0.0\",",
        with: "\"constitution_version\": \"2.0.0\", \"invariants\": [\"INV-002\", \"INV-005\"],")
    for (deprecated, code) in [("INV-012", Int32(0)), ("INV-005", 1)] {
      let constitution = "{\"version\":\"2.0.0\",\"deprecated\":[\"\(deprecated)\"]}"
      try folder(["registry.json": registry, "constitution.json": constitution]) { root in
        let check = try claw("check", root)
        #expect((check.code == 0) == (code == 0), "\(check.output)")
        #expect(
          check.output.contains(
            code == 0
              ? "issued under constitution 2.0.0, which deprecates INV-012"
              : "no invariant that constitution 2.0.0 has deprecated, found INV-005"), "\(check.output)")
      }
    }
  }

  @Test("a bundle as one archive is the same bundle; what is no bundle in it is refused")
  func archive() throws {
    try folder(["x": ""]) { root in
      let made = "\(root)/bundle.tar.gz"
      func tar(_ arguments: [String]) throws -> Int32 {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["tar", "-czf", made] + arguments
        try process.run()
        process.waitUntilExit()
        return process.terminationStatus
      }
      // As `opa build` names its files, with a slash before them.
      #expect(try tar(["--transform=s,^\\./,/,", "-P", "-C", standard, "."]) == 0)
      let check = try claw("check", made, "--strict")
      #expect(check.code == 0 && check.output.contains("2 modules, no fault, 0 warnings"), "\(check.output)")
      #expect(try claw("test", made).output.contains("22 of 22 passed"))
      // The folder itself, packed with what is in it, is no bundle.
      #expect(try tar(["-C", "\(standard)/..", "policy"]) == 0)
      let nested = try claw("check", made)
      #expect(
        nested.code == 1
          && nested.output.contains(
            "expected registry.json at the top, found policy/registry.json: a bundle is what is in")
          && nested.output.contains(": 1 fault\n"), "\(nested.output)")
      try FileManager.default.createSymbolicLink(atPath: "\(root)/p.rego", withDestinationPath: "/etc/passwd")
      #expect(try tar(["-C", root, "p.rego"]) == 0)
      let link = try claw("check", made)
      #expect(link.code == 2 && link.output.contains("expected files and folders alone"), "\(link.output)")
      try Data([1, 2, 3]).write(to: URL(fileURLWithPath: made))
      let none = try claw("check", made)
      #expect(none.code == 2 && none.output.contains("gzip: does not begin with 1f 8b"), "\(none.output)")
    }
  }

  @Test("a fault is told with its file, line and column and a caret; every file's, and exit code 1")
  func faults() throws {
    let files = ["a.rego": "package a\n\np := (\n", "b/c.rego": "package b\n\nq := 01\n"]
    try folder(files) { root in
      let said = try claw("check", root)
      #expect(said.code == 1)
      #expect(said.output.contains("a.rego:4:1: rego_parse_error: expected a term"), "\(said.output)")
      #expect(
        said.output.contains("b/c.rego:3:6: rego_parse_error: expected a number without leading zeros"),
        "\(said.output)")
      #expect(said.output.contains("q := 01\n"), "\(said.output)")
    }
    let registry = try String(contentsOfFile: standard + "/registry.json", encoding: .utf8)
    try folder(["registry.json": registry.replacing("\"actions\": [", with: "\"actions\": [,")]) { root in
      let said = try claw("check", root)
      #expect(said.code == 1 && said.output.contains("JSON: expected a value, at line "), "\(said.output)")
    }
    try folder(["a.rego": "package a\np := 1\n", "data.json": "{\n\"a\": }"]) { root in
      let said = try claw("check", root)
      #expect(
        said.code == 1 && said.output.contains("data.json: expected JSON at most 128 deep"), "\(said.output)")
    }
    try folder(["a.rego": "package a\nimport data.b\np := 1\n"]) { root in
      let said = try claw("check", root)
      #expect(said.code == 0 && said.output.contains("warning: a.rego:2:1: import data.b is not used"))
      #expect(try claw("check", root, "--strict").code == 1)
    }
  }

  @Test("a failing test, or too little coverage, is exit code 7")
  func tests() throws {
    let files = [
      "a.rego": "package a\n\nallow if input.x == 1\n\ndeny if input.y\n",
      "a_test.rego":
        "package a_test\n\ntest_yes if data.a.allow with input.x as 1\n\ntest_no if data.a.deny\n",
    ]
    try folder(files) { root in
      let said = try claw("test", root, "--coverage")
      #expect(said.code == 7)
      #expect(said.output.contains("FAIL  data.a_test.test_no  a_test.rego:5"), "\(said.output)")
      #expect(said.output.contains("a.rego  1 of 2 lines  not reached: 5"), "\(said.output)")
      #expect(said.output.contains("1 of 2 passed; 50 %"), "\(said.output)")
    }
    let without = try folder(["a.rego": files["a.rego"] ?? ""]) { root in try claw("test", root) }
    #expect(without.code == 1 && without.output.contains("expected tests, found none"))
  }

  @Test("a query is evaluated with modules, data and input; without a solution it is exit code 5")
  func eval() throws {
    let files = [
      "p/a.rego": "package a\n\nbig contains x if some x in data.list; x > input.least\n".replacing(
        "if some x in data.list; x > input.least", with: "if {\n\tsome x in data.list\n\tx > input.least\n}"),
      "p/data.json": #"{"list":[1,5,7]}"#, "input.json": #"{"least":4}"#,
    ]
    try folder(files) { root in
      func eval(_ query: String) throws -> Outcome {
        try claw("eval", query, "--policy", "\(root)/p", "--input", "\(root)/input.json")
      }
      #expect(try eval("data.a.big").output == "{\"value\":[5,7]}\n")
      #expect(
        try eval("some x in data.a.big; y = x * 2").output == "{\"x\":5,\"y\":10}\n{\"x\":7,\"y\":14}\n")
      #expect(try eval("data.a.none").code == 5)
      let failed = try eval(#"regex.match("(", "a")"#)
      #expect(
        failed.code == 5 && failed.output.contains("since a builtin failed: eval_builtin_error: regex.match"),
        "\(failed.output)")
      #expect(try !eval("data.a.none").output.contains("builtin"))
      // Numbers that no double is, too.
      let far = #"json.unmarshal("[1e400, -1e1000000000, 18446744073709551617]")"#
      let numbers = "[1e400,-1e1000000000,18446744073709551617]"
      #expect(try eval(far).output == "{\"value\":\(numbers)}\n")
      #expect(try claw("eval", far, "--json").output == "{\"solutions\":[{\"value\":\(numbers)}]}\n")
      // A call that says itself what its result is.
      #expect(try eval("plus(1, 2, x)").output == "{\"x\":3}\n")
      #expect(try eval("walk({\"a\": 1}, [[\"a\"], v])").output == "{\"v\":1}\n")
      let wrong = try eval("data.a.(")
      #expect(wrong.code == 2 && wrong.output.contains("query:1:"), "\(wrong.output)")
      #expect(try eval("http.send({})").code == 1)
      try "{\n  \"a\": 1,\n  \"b\": tru\n}\n".write(
        toFile: "\(root)/input.json", atomically: true, encoding: .utf8)
      let input = try eval("input.a")
      #expect(
        input.code == 2
          && input.output.contains(
            "input.json: expected JSON at most 128 deep, which ends at line 3, column 8"),
        "\(input.output)")
      try "{\n  \"a\": 1,\n}".write(toFile: "\(root)/p/data.json", atomically: true, encoding: .utf8)
      let data = try claw("eval", "data.a", "--policy", "\(root)/p")
      #expect(
        data.code == 1
          && data.output.contains("data.json: expected JSON at most 128 deep, which ends at line 3, column 1"),
        "\(data.output)")
    }
  }

  @Test("fmt shows one file's layout, names those that differ, and writes")
  func layout() throws {
    try folder(["a.rego": "package a\np:=1 # one\n", "b.rego": "package b\n"]) { root in
      #expect(try claw("fmt", "\(root)/a.rego").output == "package a\np := 1 # one\n")
      let check = try claw("fmt", root, "--check")
      #expect(check.code == 1 && check.output == "\(root)/a.rego\n", "\(check.output)")
      #expect(try claw("fmt", root, "--write").code == 0)
      #expect(try String(contentsOfFile: "\(root)/a.rego", encoding: .utf8) == "package a\np := 1 # one\n")
      #expect(try claw("fmt", root, "--check").code == 0)
      #expect(try claw("fmt", root).code == 2)
    }
  }
}
