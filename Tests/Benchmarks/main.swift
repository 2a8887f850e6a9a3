import Foundation
import Rego

// Decisions per second of the policy evaluator, and how long one takes against reading its input.
//
//   swift run -c release Benchmarks [FOLDER]
//
// FOLDER holds policy.rego, data.json and input.json; besides it there are policies of other shapes. Each figure is
// the best of five rounds, in processor time of one thread: what else the machine does is not counted.

/// One policy with what it is asked.
struct Workload {
  let name: String
  let policy: Policy
  let data: Value
  let inputText: String
  let path: [String]

  init(_ name: String, module: String, data: String = "{}", input: String = "{}", path: [String]) throws {
    self.name = name
    policy = try Policy([try Module.parse(module, file: "\(name).rego")])
    guard let data = Value.parse(json: data) else { throw Fault.notJSON("data") }
    self.data = data
    inputText = input
    self.path = path
  }

  enum Fault: Error { case notJSON(String), undefined }

  func decide(_ input: Value) throws -> Value {
    let evaluation = Evaluation(
      policy, data: data, input: input, meter: Meter(steps: 1 << 24, bytes: 1 << 28))
    guard let value = try evaluation.value(of: path) else { throw Fault.undefined }
    return value
  }

  /// Prints the figures.
  func run() throws {
    guard let input = Value.parse(json: inputText) else { throw Fault.notJSON("input") }
    _ = try decide(input)
    let decision = try best { _ = try decide(input) }
    let parsing = try best { _ = Value.parse(json: inputText) }
    let ratio = (decision / parsing * 10).rounded() / 10
    print(
      "\(name): \(Int(1 / decision)) decisions/s, \((decision * 1e8).rounded() / 100) µs each, \(ratio) × reading the input"
    )
  }

  /// Seconds of one call.
  private func best(_ work: () throws -> Void) throws -> Double {
    var best = Double.infinity
    for _ in 0..<5 {
      var count = 0.0
      let start = Self.processorTime
      var end = start
      repeat {
        for _ in 0..<8 { try work() }
        count += 8
        end = Self.processorTime
      } while end - start < 0.2
      best = min(best, (end - start) / count)
    }
    return best
  }

  private static var processorTime: Double {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

if CommandLine.arguments.count > 1 {
  let folder = URL(fileURLWithPath: CommandLine.arguments[1])
  func text(_ name: String) throws -> String {
    try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
  }
  try Workload(
    "authorisation", module: try text("policy.rego"), data: try text("data.json"),
    input: try text("input.json"),
    path: ["openexec", "decision"]
  ).run()
}
let chain = (0..<100).map { "r\($0) := x + 1 if x := r\($0 + 1)" }.joined(separator: "\n")
try Workload("chain of 100 rules", module: "package a\n\(chain)\nr100 := 1", path: ["a", "r0"]).run()
let long = (0..<1000).map { "r\($0) := x + 1 if x := r\($0 + 1)" }.joined(separator: "\n")
try Workload("chain of 1000 rules", module: "package a\n\(long)\nr1000 := 1", path: ["a", "r0"]).run()
let rows = (0..<2000).map { "{\"id\": \($0), \"team\": \"t\($0 % 20)\", \"size\": \($0 % 97)}" }.joined(
  separator: ",")
try Workload(
  "comprehensions over 2000 rows",
  module: """
    package a
    big := {r.id | some r in data.rows; r.size > 50}
    teams[t] := n if { some t in {r.team | some r in data.rows}; n := count([1 | some r in data.rows; r.team == t]) }
    out := [count(big), teams]
    """, data: "{\"rows\": [\(rows)]}", path: ["a", "out"]
).run()
try Workload(
  "strings",
  module: """
    package a
    out := [upper(s) | some w in split(input.text, " "); regex.match(`^[a-m][a-z]*$`, w); s := sprintf("%s-%d", [w, count(w)])]
    """,
  input:
    "{\"text\": \"\(Array(repeating: "alpha beta gamma omega zeta", count: 20).joined(separator: " "))\"}",
  path: ["a", "out"]
).run()
