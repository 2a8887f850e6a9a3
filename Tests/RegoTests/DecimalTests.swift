import Foundation
import Testing

@testable import Rego

/// Numbers that are not written as whole ones: exact decimals in comparisons, 64 binary digits in arithmetic.
struct DecimalTests {
  @Test(
    "numbers are what OPA makes of them",
    arguments: [
      ("time.date(1.5778368e18)", "[2020, 1, 1]"), ("time.date(1.5)", "undefined"),
      ("[10, 20][1.0]", "undefined"),
      (#"0.1 + 0.2"#, #"0.3"#),
      (#"0.1 + 0.2 == 0.3"#, #"true"#),
      (#"1 / 3"#, #"0.33333333333333333334"#),
      (#"2 / 3"#, #"0.6666666666666666667"#),
      (#"10 / 4"#, #"2.5"#),
      (#"10 / 5"#, #"2"#),
      (#"1.5 * 2"#, #"3"#),
      (#"1e3"#, #"1e3"#),
      (#"1.0"#, #"1.0"#),
      (#"1.0 == 1"#, #"true"#),
      (#"{1, 1.0} == {1}"#, #"true"#),
      (#"count({1, 1.0, 1e0})"#, #"1"#),
      (#"1e400 == 1e400"#, #"true"#),
      (#"1e400 > 1e399"#, #"true"#),
      (#"1e-400 > 0"#, #"true"#),
      (#"0.30000000000000000001 == 0.3"#, #"false"#),
      (#"9007199254740993.0 == 9007199254740993"#, #"true"#),
      (#"9007199254740993.0 == 9007199254740992"#, #"false"#),
      (#"1234567 + 0.5"#, #"1.2345675e+06"#),
      (#"0.00001 + 0"#, #"1e-05"#),
      (#"0.001 + 0"#, #"0.001"#),
      (#"json.marshal(1.0)"#, #""1.0""#),
      (#"json.marshal([1e3, 0.10])"#, #""[1e3,0.10]""#),
      (#"json.marshal(json.unmarshal("[1.50, 1E5]"))"#, #""[1.50,1E5]""#),
      (#"7 % 2"#, #"1"#),
      (#"-7 % 3"#, #"-1"#),
      (#"7 % -3"#, #"1"#),
      (#"7.0 % 2"#, #"1"#),
      (#"round(2.5)"#, #"3"#),
      (#"round(-2.5)"#, #"-3"#),
      (#"round(0.4)"#, #"0"#),
      (#"ceil(-0.5)"#, #"0"#),
      (#"floor(-0.5)"#, #"-1"#),
      (#"ceil(1.0)"#, #"1"#),
      (#"floor(3.0)"#, #"3"#),
      (#"round(1234567.5)"#, #"1234568"#),
      (#"abs(-0.5)"#, #"0.5"#),
      (#"abs(-1.0)"#, #"1"#),
      (#"sum([0.1, 0.2, 0.3])"#, #"0.6"#),
      (#"sum([1.5, 1.5])"#, #"3"#),
      (#"product([0.1, 3])"#, #"0.3"#),
      (#"sum([])"#, #"0"#),
      (#"product([])"#, #"1"#),
      (#"1.1 * 1.1"#, #"1.21"#),
      (#"3 * 0.1 == 0.3"#, #"true"#),
      (#"100 * 1.15"#, #"115"#),
      (#"0.1 * 3"#, #"0.3"#),
      (#"4.35 * 100"#, #"435"#),
      (#"1 - 0.9"#, #"0.10000000000000000002"#),
      (#"max([0.5, 1, 0.25])"#, #"1"#),
      (
        #"sort([1, 0.5, 1.5, -1, "a", null, true, [1], {"a": 1}, {1}])"#,
        #"[null, true, -1, 0.5, 1, 1.5, "a", [1], {"a": 1}, {1}]"#
      ),
      (#"to_number("1.50")"#, #"1.50"#),
      (#"to_number(".5") == 0.5"#, #"true"#),
      (#"to_number("5.") == 5"#, #"true"#),
      (#"to_number("+5") == 5"#, #"true"#),
      (#"to_number("-0.5e1") == -5"#, #"true"#),
      (#"to_number("0x10")"#, #"undefined"#),
      (#"to_number("1_000")"#, #"undefined"#),
      (#"to_number(" 1")"#, #"undefined"#),
      (#"to_number("1e")"#, #"undefined"#),
      (#"to_number("007") == 7"#, #"true"#),
      (#"format_int(15.9, 10)"#, #""15""#),
      (#"format_int(-15.9, 16)"#, #""-f""#),
      (#"numbers.range(1.0, 3)"#, #"[1, 2, 3]"#),
      (#"numbers.range(1.5, 3)"#, #"undefined"#),
      (#"numbers.range(3, 1)"#, #"[3, 2, 1]"#),
      (#"numbers.range(1, 1)"#, #"[1]"#),
      (#"numbers.range_step(0, 10, 3)"#, #"[0, 3, 6, 9]"#),
      (#"numbers.range_step(10, 0, 4)"#, #"[10, 6, 2]"#),
      (#"array.slice([1, 2, 3], 1.0, 2)"#, #"undefined"#),
      (#"bits.lsh(1, 70)"#, #"1180591620717411303424"#),
      (#"bits.rsh(-5, 1)"#, #"-3"#),
      (#"bits.and(-1, 255)"#, #"255"#),
      (#"bits.negate(0)"#, #"-1"#),
      (#"bits.xor(5, -1)"#, #"-6"#),
      (#"bits.lsh(1, -1)"#, #"undefined"#),
      (#"bits.or(1.5, 1)"#, #"undefined"#),
      (#"1e3 == 1000"#, #"true"#),
      (#"object.get({1: "a"}, 1.0, "no")"#, #""a""#),
      (#"{1: "a"}[1.0]"#, #""a""#),
      (#"0.1 < 0.2"#, #"true"#),
      (#"-0.1 > -0.2"#, #"true"#),
      (#"123456789012345678901234567890 / 10"#, #"12345678901234567890123456789"#),
      (#"18446744073709551617 * 18446744073709551617"#, #"340282366920938463500268095579187314689"#),
      (#"units.parse("1.5K")"#, #"1500"#),
      (#"units.parse("1m")"#, #"0.0010000000"#),
      (#"units.parse("1Ki")"#, #"1024"#),
      (#"units.parse("0.0005K")"#, #"0.5000000000"#),
      (#"units.parse("10")"#, #"10"#),
      (#"units.parse("1.5")"#, #"1.5000000000"#),
      (#"units.parse("\"1M\"")"#, #"1000000"#),
      (#"units.parse("1e2M")"#, #"100000000"#),
      (#"units.parse("1E")"#, #"1000000000000000000"#),
      (#"units.parse("1Ei")"#, #"1152921504606846976"#),
      (#"units.parse_bytes("1.5kB")"#, #"1500"#),
      (#"units.parse_bytes("1KiB")"#, #"1024"#),
      (#"units.parse_bytes("100")"#, #"100"#),
      (#"units.parse_bytes("0.1KB")"#, #"100"#),
      (#"units.parse_bytes("1.5")"#, #"1"#),
      (#"units.parse_bytes("-1KB")"#, #"-1000"#),
    ])
  func numbers(term: String, text: String) throws { #expect(try TermRun.text(of: term) == text, "\(term)") }

  @Test(
    "what is no number says so",
    arguments: [
      (#"7.5 % 2"#, #"eval_builtin_error: rem: modulo on floating-point number"#),
      (#"7 % 0"#, #"eval_builtin_error: rem: modulo by zero"#),
      (#"1 / 0"#, #"eval_builtin_error: div: divide by zero"#),
      (#"1 / 0.0"#, #"eval_builtin_error: div: divide by zero"#),
      (#"to_number("")"#, #"eval_builtin_error: "#),
      (#"format_int(10, 3)"#, #"one of {2, 8, 10, 16}"#),
      (#"numbers.range_step(0, 10, 0)"#, #"step must be a positive"#),
      (#"units.parse("1 M")"#, #"spaces not allowed in resource strings"#),
      (#"units.parse("M")"#, #"no amount provided"#),
      (#"units.parse("1X")"#, #"unit X not recognized"#),
      (#"units.parse("")"#, #"no amount provided"#),
      (#"units.parse_bytes("1.4b")"#, #"not recognized"#),
    ])
  func errors(term: String, message: String) throws {
    do {
      let value = try TermRun.value(of: term, isStrict: true)
      Issue.record("\(term) is \(value.map { Format.rego($0) } ?? "undefined")")
    } catch let error as EvaluationError {
      #expect("\(error)".contains(message), "\(term): \(error)")
    }
  }

  @Test(
    "sum, difference, product and quotient of two thousand pairs of decimals are the nearest of 64 binary digits, in the fewest decimal ones"
  )
  func arithmetic() throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = [
      "-c",
      """
      import random
      from fractions import Fraction as F
      r = random.Random(5)
      def near(x):
          if x == 0: return x
          s, x = (-1 if x < 0 else 1), abs(x)
          e = x.numerator.bit_length() - x.denominator.bit_length() - 64
          while x / F(2) ** e >= 2 ** 64: e += 1
          while x / F(2) ** e < 2 ** 63: e -= 1
          m = x / F(2) ** e
          q = m.numerator // m.denominator
          if m - q > F(1, 2) or m - q == F(1, 2) and q & 1: q += 1
          return s * q * F(2) ** e
      def text(x):
          if x.denominator == 1: return str(x.numerator)
          s, x = ("-" if x < 0 else ""), abs(x)
          p = 0
          while x >= F(10) ** p: p += 1
          while x < F(10) ** (p - 1): p -= 1
          for n in range(1, 25):
              d = round(x * F(10) ** (n - p))
              if near(d * F(10) ** (p - n)) == x: break
          d = str(d)
          if len(d) > n: p += 1
          d = d.rstrip("0")
          if p - 1 < -4 or p - 1 >= 6:
              e = abs(p - 1)
              return s + d[0] + ("." + d[1:] if len(d) > 1 else "") + ("e-" if p < 1 else "e+") + str(e).zfill(2)
          if p <= 0: return s + "0." + "0" * -p + d
          d = d.ljust(p, "0")
          return s + d[:p] + "." + d[p:]
      def number():
          whole = r.choice(["0", "1", "7", "12", "999", str(r.getrandbits(40)), str(r.getrandbits(70))])
          behind = "".join(r.choice("0123456789") for _ in range(r.choice([1, 2, 3, 6, 17, 19, 21, 30, 70])))
          return r.choice(["", "-"]) + whole + "." + behind + r.choice(["", "", "", "e5", "e-7", "e40", "e-90"])
      for _ in range(2000):
          a, b = number(), number()
          x, y = near(F(a)), near(F(b))
          if y == 0: continue
          print(a, b, *[text(near(z)) for z in (x + y, x - y, x * y, x / y)], (F(a) > F(b)) - (F(a) < F(b)))
      """,
    ]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    let lines = String(decoding: data, as: UTF8.self).split(separator: "\n")
    #expect(process.terminationStatus == 0 && lines.count > 1900)
    for line in lines {
      let fields = line.split(separator: " ").map(String.init)
      let a = try #require(Number(literal: fields[0]))
      let b = try #require(Number(literal: fields[1]))
      let found = [a + b, a - b, a * b, a / b].map { $0?.text ?? "nil" }
      #expect(found == Array(fields[2..<6]), "\(line)")
      #expect(String(Number.compare(a, b)) == fields[6], "\(line)")
      #expect(a.text == fields[0])
    }
  }

  @Test(
    "decimals that are far from the point are compared, and refused where they are calculated with or have no end"
  )
  func far() throws {
    #expect(
      try TermRun.text(of: "[1e30000 > 1e29999, 1e-30000 > 0, 1e30000 == 1e30000]") == "[true, true, true]")
    #expect(try TermRun.text(of: "1e30000 * 1.5") == "undefined")
    #expect(Number(literal: "1e30200") == nil && Number(literal: "1e999999999999") == nil)
    #expect(Number(literal: "0." + String(repeating: "1", count: 4_900)) != nil)
    #expect(Number(literal: "0." + String(repeating: "1", count: 4_901)) == nil)
    #expect(Number(literal: "0.0e99999")?.text == "0.0e99999")
  }

  @Test("what is calculated with a decimal of many digits is paid for")
  func effort() throws {
    let long = "0." + String(repeating: "7", count: 4_000)
    func spent(_ term: String) throws -> Int {
      let policy = try Policy([try Module.parse("package a\np := \(term)", file: "a")])
      let evaluation = Evaluation(policy, input: nil, meter: Meter(steps: 1 << 30, bytes: 1 << 24))
      _ = try evaluation.value(of: ["a", "p"])
      return (1 << 30) - evaluation.meter.steps
    }
    #expect(try spent("0.5 + 0.25") < 32)
    #expect(try spent("0.5 + \(long)") > 32)
  }
}
