import Foundation
import Testing

@testable import Rego

/// Integers of any size against the arithmetic of Python, which is exact.
struct NumberTests {
  /// Runs a program of Python's; its lines.
  private func python(_ program: String) throws -> [String] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = ["-c", program]
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: data, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  @Test("sum, difference, product, quotient, remainder and bits of two thousand pairs are Python's")
  func arithmetic() throws {
    let lines = try python(
      """
      import random
      r = random.Random(7)
      def number():
          bits = r.choice([1, 8, 31, 32, 33, 63, 64, 65, 95, 96, 128, 200, 512])
          n = r.choice([r.getrandbits(bits), (1 << bits) - 1, 1 << bits, (1 << bits) + 1])
          return r.choice([n, -n])
      for _ in range(2000):
          a, b = number(), number() or 1
          q = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
          s = r.randrange(0, 130)
          print(a, b, a + b, a - b, a * b, q, a - q * b, a & b, a | b, a ^ b, ~a, a << s, a >> s, s, int(a < b), hex(abs(a))[2:])
      """)
    #expect(lines.count == 2000)
    for line in lines {
      let fields = line.split(separator: " ").map(String.init)
      func number(_ position: Int) throws -> BigInteger { try #require(BigInteger(fields[position].utf8)) }
      let (a, b) = (try number(0), try number(1))
      let shift = try #require(Int(fields[13]))
      let (quotient, remainder) = a.divided(by: b)
      let found = [
        a, b, a + b, a - b, a * b, quotient, remainder, BigInteger.bitwise(a, b, &),
        BigInteger.bitwise(a, b, |),
        BigInteger.bitwise(a, b, ^), a.inverted, a.shifted(left: shift), a.shiftedDown(shift),
      ]
      #expect(found.map(\.description) == Array(fields[..<13]), "\(line)")
      #expect((a < b) == (fields[14] == "1"), "\(line)")
      #expect((a.isNegative ? -a : a).text(radix: 16) == fields[15])
      #expect(a.small.map(String.init) == Int(fields[0]).map(String.init))
    }
  }

  @Test("the nearest double of an integer is Python's, and a whole double is its integer")
  func doubles() throws {
    let lines = try python(
      """
      import random
      r = random.Random(11)
      for _ in range(1000):
          n = r.getrandbits(r.choice([53, 54, 64, 65, 100, 117, 300, 1000])) * r.choice([1, -1])
          print(n, float(n).hex(), int(float(n)))
      """)
    for line in lines {
      let fields = line.split(separator: " ").map(String.init)
      let number = try #require(BigInteger(fields[0].utf8))
      let double = try #require(Double(fields[1]))
      #expect(number.double == double, "\(line)")
      #expect(BigInteger(exactly: double)?.description == fields[2], "\(line)")
    }
  }

  @Test(
    "numbers are written as they came",
    arguments: [
      ("1", "1"), ("1.0", "1.0"), ("-0", "0"), ("-0.0", "-0.0"), ("1e3", "1e3"), ("1E+21", "1E+21"),
      ("0.10", "0.10"), ("1e-6", "1e-6"), ("1.5e300", "1.5e300"),
      ("0.30000000000000004", "0.30000000000000004"),
      ("123456789012345678901234567890", "123456789012345678901234567890"),
      ("9223372036854775808", "9223372036854775808"),
      ("5e-324", "5e-324"), ("1e400", "1e400"),
    ])
  func text(literal: String, text: String) throws {
    #expect(try #require(Number(literal: literal)).text == text)
  }

  @Test(
    "doubles are written as Go writes them in JSON",
    arguments: [
      (1.0, "1"), (-0.5, "-0.5"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1e-6, "0.000001"),
      (1e-7, "1e-07"),
      (1.5e300, "1.5e+300"), (Double.leastNonzeroMagnitude, "5e-324"), (0.1, "0.1"),
    ])
  func doubleText(value: Double, text: String) throws {
    #expect(try #require(Number(value)).text == text)
    #expect(try #require(Number(value)).double == value)
  }

  @Test("integers and decimals are one line of numbers")
  func order() throws {
    let ascending = [
      "-1e400", "-1e300", "-9223372036854775809", "-9223372036854775808", "-1.5", "-1", "0", "0.5", "1",
      "9007199254740992",
      "9007199254740993", "9223372036854775807", "9223372036854775808", "18446744073709551615", "1e300",
      "1e400",
    ].compactMap(Number.init(literal:))
    #expect(ascending.count == 16)
    for (i, a) in ascending.enumerated() {
      for (j, b) in ascending.enumerated() {
        #expect((a < b) == (i < j), "\(a.text) \(b.text)")
        #expect((a == b) == (i == j), "\(a.text) \(b.text)")
      }
    }
  }
}
