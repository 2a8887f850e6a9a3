import Canonical
import Foundation
import Host
import Testing

struct CommandLineTests {
  private let syntax = CommandSyntax(
    "ledger export", "exports", operands: ["FILE", "[NAME]"],
    options: [
      CommandOption("--as", "DIR", "who"), CommandOption("--scope", "SCOPE", "what", isRepeated: true),
      CommandOption("--count", "N", "how many"), CommandOption(flag: "--json", "for programs"),
    ], details: "More.")

  @Test("operands, options, flags and repeated options are told apart, in any order")
  func parse() throws {
    let parsed = try syntax.parse(["--scope", "a", "file", "--json", "--scope=b=c", "--as", "dir", "name"])
    #expect(parsed.operands == ["file", "name"])
    #expect(parsed.all("--scope") == ["a", "b=c"])
    #expect(parsed.value("--as") == "dir")
    #expect(parsed.has("--json"))
    #expect(!parsed.has("--count"))
    #expect(parsed.operand(2) == nil)
  }

  @Test("after two dashes nothing is an option")
  func dashes() throws {
    #expect(try syntax.parse(["--", "--json", "--"]).operands == ["--json", "--"])
  }

  @Test(
    "what a command does not expect is refused, and the message says what it does",
    arguments: [
      (["f", "--jsn"], "there is no option --jsn; did you mean --json?"),
      (["f", "--xyzzy-something"], "there is no option --xyzzy-something"),
      ([], "expected FILE"), (["a", "b", "c"], "c was not expected"),
      (["f", "--as", "x", "--as", "y"], "--as is given twice"), (["f", "--as"], "expected DIR after --as"),
      (["f", "--json=yes"], "--json takes no value"),
    ])
  func refusals(arguments: [String], message: String) {
    let error = #expect(throws: UsageError.self) { try syntax.parse(arguments) }
    #expect(error?.description == message)
  }

  @Test("numbers are held against their range")
  func numbers() throws {
    let parsed = try syntax.parse(["f", "--count", "7"])
    #expect(try parsed.integer("--count", in: 1...7, default: 1) == 7)
    #expect(throws: UsageError("--count: expected a whole number from 1 to 6, found 7")) {
      try parsed.integer("--count", in: 1...6, default: 1)
    }
    #expect(try syntax.parse(["f"]).integer("--count", in: 1...6, default: 3) == 3)
    #expect(throws: UsageError("expected --as")) { try parsed.required("--as") }
  }

  @Test("help names every operand and option")
  func help() {
    let help = syntax.help(program: "claw")
    #expect(help.contains("usage: claw ledger export FILE [NAME] [options]"))
    for option in syntax.options { #expect(help.contains(option.name)) }
    #expect(help.contains("(may be repeated)"))
    #expect(help.hasSuffix("More.\n"))
  }
}

struct OutputTests {
  @Test("columns are as wide as their widest cell, and lines end without blanks")
  func table() {
    var table = TextTable(["a", "long name", "c"])
    table.add(["wide cell", "x"])
    table.add(["1", "2", "3", "left out"])
    #expect(table.text == "a          long name  c\nwide cell  x\n1          2          3\n")
  }

  @Test("indented JSON has the value of what was written, for values of every kind")
  func indented() throws {
    let value: JSON = [
      "a": [1, 2, ["b": nil_, "é": "x\n\"y\""]], "empty": [], "none": JSON.object([]), "t": true,
    ]
    #expect(try JSON.parse(value.indented) == value)
    #expect(JSON.object([("a", [1])]).indented == "{\n  \"a\": [\n    1\n  ]\n}\n")
  }

  private let nil_ = JSON.null

  @Test("a file that is written in pieces appears when it is whole, and leaves nothing when it is given up")
  func sink() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/sink-\(UUID().uuidString)"
    try Files.createFolder(folder)
    defer { try? Files.removeFolder(folder) }
    try Files.write("old", to: "\(folder)/f")
    do {
      let abandoned = try FileSink(path: "\(folder)/f")
      try abandoned.write(Array("half".utf8))
    }
    #expect(try Files.readText("\(folder)/f") == "old")
    #expect(try Files.list(folder) == ["f"])
    let sink = try FileSink(path: "\(folder)/f")
    try sink.write(Array("new ".utf8))
    try sink.write(Array("text".utf8))
    try sink.finish()
    #expect(try Files.readText("\(folder)/f") == "new text")
    #expect(try Files.list(folder) == ["f"])
  }

  @Test("removing a folder removes links, not what they point to")
  func removal() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/remove-\(UUID().uuidString)"
    try Files.createFolder("\(folder)/inner/deep")
    try Files.createFolder("\(folder)-kept")
    try Files.write("kept", to: "\(folder)-kept/f")
    try Files.write("gone", to: "\(folder)/inner/deep/g")
    #expect(symlink("\(folder)-kept", "\(folder)/inner/link") == 0)
    try Files.removeFolder(folder)
    #expect(!Files.exists(folder))
    #expect(try Files.readText("\(folder)-kept/f") == "kept")
    try Files.removeFolder("\(folder)-kept")
  }
}
