@testable import Rego

/// One term, evaluated as the only rule of a module.
enum TermRun {
  static func value(of term: String, bytes: Int = 1 << 26, isStrict: Bool = false) throws -> Value? {
    try value(module: "package a\np := \(term)", bytes: bytes, isStrict: isStrict)
  }

  /// `data.a.p`.
  static func value(module: String, bytes: Int = 1 << 26, isStrict: Bool = false) throws -> Value? {
    let policy = try Policy([try Module.parse(module, file: "a.rego")])
    let meter = Meter(steps: 1 << 20, bytes: bytes, now: 1_700_000_000_000_000_000)
    let input = Value.parse(json: #"{"a": [1, 2, 1], "o": {"k": false, "l": true}, "text": "s"}"#)
    return try Evaluation(policy, input: input, meter: meter, isStrict: isStrict).value(of: ["a", "p"])
  }

  /// As Rego writes the value.
  static func text(of term: String) throws -> String { text(try value(of: term)) }
  static func text(module: String) throws -> String { text(try value(module: module)) }

  private static func text(_ value: Value?) -> String { value.map { Format.rego($0) } ?? "undefined" }
}
