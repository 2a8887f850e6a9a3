import Foundation
import Testing

@testable import Rego

/// Numbers that are not written as whole ones: exact decimals in comparisons, 64 binary digits in arithmetic.
struct DecimalTests {
  @Test(
    "numbers are what OPA makes of them",
    arguments: [
      ("time.date(1.5778368e18)", "[2020, 1, 1]"), ("time.date(1.5)", "undefined"),
      ("time.date([0])", "[1970, 1, 1]"), ("time.date([])", "undefined"),
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
      (#"product([0.1, 3])"#, #"0.30000000000000004"#),
      (#"0.1 * 3"#, #"0.3"#),
      (#"product([1.5, 1e19, 3])"#, #"45000000000000000000"#),
      (#"product([18446744073709551617, 0.5])"#, #"9223372036854776000"#),
      (#"product([-0.7, 1e30])"#, #"-700000000000000000000000000000"#),
      (#"product([9007199254740993, 1])"#, #"9007199254740993"#),
      (#"product([0.5, 1e-320, 1e-320])"#, #"undefined"#),
      (#"sum([18446744073709551615, 18446744073709551615, 0.5])"#, #"36893488147419103230"#),
      (#"sum([18446744073709551617, 18446744073709551617])"#, #"36893488147419103234"#),
      (#"sum([9e330, 9e330])"#, #"undefined"#),
      (#"19.09378657975432319487574e20 * 0.527"#, #"1006242552753052832400"#),
      (#"18446744073709551617.0 * 2"#, #"36893488147419103230"#),
      (#"18446744073709551617 * 2"#, #"36893488147419103234"#),
      (#"1e28 + 0.5"#, #"10000000000000000000000000000"#),
      (#"-1e28 - 0.5"#, #"-10000000000000000000000000000"#),
      (#"18446744073709551615.5 - 1"#, #"18446744073709551615"#),
      (#"sprintf("%d", [1e28 * 1.0])"#, #""10000000000000000000000000000""#),
      (#"abs(1.50)"#, #"1.5"#),
      (#"abs(-123456789012345678901.5)"#, #"123456789012345678904"#),
      (#"abs(-18446744073709551617)"#, #"18446744073709551617"#),
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
    "sum, difference, product and quotient of two thousand pairs of decimals, and those of three in an array, are the nearest of 64 or 53 binary digits, in the decimal ones that Go chooses"
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
      def near(x, bits=64):
          if x == 0: return x
          s, x = (-1 if x < 0 else 1), abs(x)
          e = x.numerator.bit_length() - x.denominator.bit_length() - bits
          while x / F(2) ** e >= 2 ** bits: e += 1
          while x / F(2) ** e < 2 ** (bits - 1): e -= 1
          m = x / F(2) ** e
          q = m.numerator // m.denominator
          if m - q > F(1, 2) or m - q == F(1, 2) and q & 1: q += 1
          return s * q * F(2) ** e
      def expansion(x):
          k = x.denominator.bit_length() - 1
          t = str(x.numerator * 5 ** k)
          return t.rstrip("0"), len(t) - k
      def text(x, bits=64):
          if x == 0: return "0"
          s, x = ("-" if x < 0 else ""), abs(x)
          e = x.numerator.bit_length() - x.denominator.bit_length() - bits
          while x / F(2) ** e >= 2 ** bits: e += 1
          while x / F(2) ** e < 2 ** (bits - 1): e -= 1
          half, even = F(2) ** (e - 1), (x / F(2) ** e).numerator % 2 == 0
          (d, p), (low, _), (high, _) = expansion(x), expansion(x - half), expansion(x + half)
          for n in range(1, len(d) + 1):
              l, m, u = low[n - 1:n] or "0", d[n - 1], high[n - 1:n] or "0"
              down = l != m or even and n == len(low)
              up = m != u and (even or int(m) + 1 < int(u) or n < len(high))
              if not (down or up): continue
              head, rest = int(d[:n]), F(int(d[n:] or "0"), 10 ** len(d[n:]))
              if down and up: up = n < len(d) and (rest > F(1, 2) or rest == F(1, 2) and head & 1 == 1)
              t = str(head + up)
              if len(t) > n: p += 1
              d = t.rstrip("0")
              break
          if x.denominator == 1: return s + d.ljust(p, "0")
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
          product = near(near(near(x, 53) * y, 53) * x, 53)
          print(a, b, *[text(near(z)) for z in (x + y, x - y, x * y, x / y, near(x + y) + x)], text(product, 53),
                (F(a) > F(b)) - (F(a) < F(b)))
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
      let found =
        try [a + b, a - b, a * b, a / b].map { $0?.text ?? "nil" }
        + ["sum", "product"].map { try TermRun.text(of: "\($0)([\(fields[0]), \(fields[1]), \(fields[0])])") }
      #expect(found == Array(fields[2..<8]), "\(line)")
      #expect(String(Number.compare(a, b)) == fields[8], "\(line)")
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
    #expect(try TermRun.text(of: "[9.9e30102 > 1, 1e-30103 > 0]") == "[true, true]")
    #expect(Number(literal: "0." + String(repeating: "1", count: 4_900)) != nil)
    #expect(Number(literal: "0." + String(repeating: "1", count: 4_901)) == nil)
    #expect(Number(literal: "0.0e99999")?.text == "0.0e99999")
  }

  @Test(
    "a policy's text has no number from 2^100000 on, or as near to nothing",
    arguments: ["1e30103", "-1e30103", "1e-30105", "1e1000000000", "1e-1000000000", "1e99999999999999999999"])
  func tooFar(text: String) {
    #expect(throws: RegoSyntaxError.self) { try TermRun.value(of: "\(text) > 1") }
  }

  @Test(
    "a number of a document is any that JSON can write: it is printed as it came, compared exactly, and neither written in full nor calculated with",
    arguments: [
      (#"json.unmarshal("1e400")"#, "1e400"), (#"json.unmarshal("[-1e1000000000]")"#, "[-1e1000000000]"),
      (#"json.unmarshal("1e1000000000") > 1"#, "true"), (#"json.unmarshal("-1e1000000000") < 1"#, "true"),
      (#"json.unmarshal("1e1000000000") > json.unmarshal("9e999999999")"#, "true"),
      (#"json.unmarshal("1e1000000000") == json.unmarshal("0.1e1000000001")"#, "true"),
      (#"json.unmarshal("1e-1000000000") > 0"#, "true"),
      (#"json.unmarshal("1e-1000000000") < 1e-30000"#, "true"),
      (#"json.unmarshal("1e999999999999999999") > json.unmarshal("1e999999999999999998")"#, "true"),
      (#"json.unmarshal("1e00000000000000000000002") == 100"#, "true"),
      (#"json.unmarshal("1e1000000000000000000")"#, "undefined"),
      (#"json.is_valid("1e1000000000")"#, "true"),
      (#"json.unmarshal("1e1000000000") + 1"#, "undefined"),
      (#"json.unmarshal("1e1000000000") * 0.5"#, "undefined"),
      (#"json.unmarshal("1e-1000000000") * 0.5"#, "undefined"),
      (#"json.unmarshal("1e1000000000") % 2"#, "undefined"),
      (#"round(json.unmarshal("1e1000000000"))"#, "undefined"),
      (#"abs(json.unmarshal("-1e1000000000"))"#, "undefined"),
      (#"ceil(json.unmarshal("1e-1000000000"))"#, "1"), (#"floor(json.unmarshal("-1e-1000000000"))"#, "-1"),
      (#"round(json.unmarshal("1e-1000000000"))"#, "0"),
      (#"sum([json.unmarshal("1e1000000000")])"#, "undefined"),
      (#"format_int(json.unmarshal("1e1000000000"), 10)"#, "undefined"),
      (#"numbers.range(1, json.unmarshal("1e1000000000"))"#, "undefined"),
      (#"bits.and(1, json.unmarshal("1e1000000000"))"#, "undefined"),
      (#"[1][json.unmarshal("1e1000000000")]"#, "undefined"),
      (
        #"sprintf("%d %v", [json.unmarshal("1e400"), json.unmarshal("1e1000000000")])"#,
        #""%!d(string=1e400) 1e1000000000""#
      ),
      (#"to_number("1e1000000000")"#, "undefined"), (#"units.parse("1e1000000000")"#, "undefined"),
      (#"time.date(json.unmarshal("1e1000000000"))"#, "undefined"),
      (#"count({json.unmarshal("1e1000000000"), json.unmarshal("10e999999999")})"#, "1"),
      (#"yaml.unmarshal("1e1000000000")"#, "undefined"),
    ])
  func document(term: String, text: String) throws { #expect(try TermRun.text(of: term) == text, "\(term)") }

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
