import Testing

@testable import Rego

/// The same modules, data and input give the same bytes, in whatever order the modules come and however often.
struct DeterminismTests {
  private static let texts = [
    (
      "a.rego",
      "package app\nimport data.app.roles\nallow if roles.admin[input.user]\nallow if input.user == \"root\""
    ),
    ("b.rego", "package app.roles\nadmin contains x if some x in data.admins\nadmin contains \"eve\""),
    ("c.rego", "package app\nnames[x] := count(x) if some x in data.admins\nnames[\"eve\"] := 3"),
    (
      "d.rego",
      "package app\ndefault level := 0\nlevel := 2 if allow\nf(x) := y if { y := x + level }\nsum := f(40)"
    ),
    ("e.rego", "package app\nshown := sprintf(\"%v %v\", [names, {x | some x in data.admins}])"),
  ]

  private func result(_ order: [Int]) throws -> String {
    let modules = try order.map { try Module.parse(Self.texts[$0].1, file: Self.texts[$0].0) }
    let data = try #require(Value.parse(json: #"{"admins": ["zoe", "bob", "alice"]}"#))
    let input = try #require(Value.parse(json: #"{"user": "bob"}"#))
    let evaluation = Evaluation(
      try Policy(modules), data: data, input: input, meter: Meter(steps: 10_000, bytes: 1 << 20))
    let value = try #require(try evaluation.value(of: ["app"]))
    return "\(value.jsonText) \(evaluation.meter.steps) \(evaluation.meter.bytes)"
  }

  @Test("every order of loading gives the same bytes and the same use of the budget")
  func orders() throws {
    let first = try result([0, 1, 2, 3, 4])
    #expect(first.hasPrefix(#"{"allow":true,"level":2,"names":{"alice":5,"bob":3,"eve":3,"zoe":3},"roles":"#))
    var orders: [[Int]] = [[]]
    for module in Self.texts.indices {
      orders = orders.flatMap { order in
        (0...order.count).map { Array(order[..<$0]) + [module] + Array(order[$0...]) }
      }
    }
    #expect(orders.count == 120)
    for order in orders { #expect(try result(order) == first, "\(order)") }
  }

  @Test("sets and objects are in order, whatever order they were made in")
  func order() throws {
    var values: [Value] = [
      .null, .bool(false), .bool(true), .int(-1), .number(Number(0.5) ?? .small(0)), .int(1), .string(""),
      .string("a"),
      .string("b"),
      .array([]), .array([.int(1)]), .object(ObjectValue()), .object(ObjectValue([(.string("a"), .int(1))])),
      .set(SetValue()), .set(SetValue([.int(1)])),
    ]
    let ascending = values
    for shift in 1..<values.count {
      values = Array(values[shift...]) + Array(values[..<shift])
      #expect(SetValue(values).elements == ascending)
      #expect(ObjectValue(values.reversed().map { ($0, $0) }).keys == ascending)
    }
  }

  @Test("a file's name decides nothing but which fault is told first")
  func names() throws {
    let module = try Module.parse("package a\np := 1", file: "x")
    let other = try Module.parse("package a\np := 1", file: "y")
    for modules in [[module, other], [other, module]] {
      let evaluation = Evaluation(try Policy(modules), input: nil, meter: Meter(steps: 100, bytes: 100))
      #expect(try evaluation.value(of: ["a", "p"]) == .int(1))
    }
  }

  @Test(
    "what the standard library says of a scalar's case and kind is pinned: where it changes, the evaluator's number does too"
  )
  func scalars() {
    // FNV-1a over mappings and category of every scalar below the planes that have neither.
    var hash: UInt64 = 0xcbf2_9ce4_8422_2325
    func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
    for value in 0...0x1FFFF as ClosedRange<UInt32> {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = String(Character(scalar))
      for byte in text.uppercased().utf8 { add(byte) }
      for byte in text.lowercased().utf8 { add(byte) }
      for byte in "\(scalar.properties.generalCategory)".utf8 { add(byte) }
      add(scalar.properties.isWhitespace ? 1 : 0)
    }
    #expect(hash == 1583241525831587496)
  }
}
