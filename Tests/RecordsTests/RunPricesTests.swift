import Records
import Testing

/// What a run is charged by what was measured: the least that is no less, to the millionth of a dollar (INV-021).
struct RunPricesTests {
  private func cost(
    _ second: Int64, _ mebibyte: Int64 = 0, nanoseconds: Int = 0, bytes: Int = 0
  ) throws -> Int64 {
    let prices = RunPrices(
      processorSecond: try #require(MicroUSD(micros: second)),
      sentMebibyte: try #require(MicroUSD(micros: mebibyte)))
    return prices.cost(processorNanoseconds: nanoseconds, sentBytes: bytes).micros
  }

  @Test("whatever is left over of a millionth is charged as one, and no more")
  func rounding() throws {
    let cases: [(nanoseconds: Int, price: Int64, expected: Int64)] = [
      (0, 100_000, 0), (1, 100_000, 1), (10_000, 100_000, 1), (10_001, 100_000, 2), (999_999_999, 7, 7),
      (1_000_000_000, 7, 7), (1_000_000_001, 7, 8), (1, 0, 0), (-1, 100_000, 0),
    ]
    for (nanoseconds, price, expected) in cases {
      #expect(try cost(price, nanoseconds: nanoseconds) == expected, "\(nanoseconds) ns at \(price)")
    }
    let mebibyte = 1 << 20
    let sent: [(bytes: Int, expected: Int64)] = [
      (0, 0), (1, 1), (mebibyte, 3), (mebibyte + 1, 4), (2 * mebibyte, 6),
    ]
    for (bytes, expected) in sent {
      #expect(try cost(0, 3, bytes: bytes) == expected, "\(bytes) bytes")
    }
  }

  @Test("each part is rounded by itself, and both are charged")
  func parts() throws {
    #expect(try cost(1, 1, nanoseconds: 1, bytes: 1) == 2)
    #expect(try cost(5, 7, nanoseconds: 2_000_000_000, bytes: 3 << 20) == 31)
  }

  @Test("a product beyond 64 bits is exact, and what cannot be written down is the largest amount")
  func large() throws {
    #expect(try cost(20_000_000, nanoseconds: 900_000_000_000) == 18_000_000_000)
    #expect(try cost(20_000_000, nanoseconds: 900_000_000_001) == 18_000_000_001)
    #expect(try cost(MicroUSD.maximum.micros, nanoseconds: 1_000_000_000) == MicroUSD.maximum.micros)
    #expect(try cost(MicroUSD.maximum.micros, nanoseconds: 1_000_000_001) == MicroUSD.maximum.micros)
    #expect(
      try cost(MicroUSD.maximum.micros, MicroUSD.maximum.micros, nanoseconds: .max, bytes: .max)
        == MicroUSD.maximum.micros)
  }
}
