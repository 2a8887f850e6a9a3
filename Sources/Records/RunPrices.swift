import Canonical

/// What a registry charges for a run beside calls of models (INV-021): by what was measured, rounded up.
public struct RunPrices: Hashable, Sendable, JSONWritable {
  /// Of a second of processor time of the action's processes.
  public var processorSecond: MicroUSD
  /// Of a mebibyte that leaves for the network.
  public var sentMebibyte: MicroUSD

  /// Prices.
  public init(processorSecond: MicroUSD, sentMebibyte: MicroUSD) {
    self.processorSecond = processorSecond
    self.sentMebibyte = sentMebibyte
  }

  package init(from fields: inout Fields) throws(RecordError) {
    processorSecond = try fields.money("usd_per_processor_second")
    sentMebibyte = try fields.money("usd_per_sent_mib")
  }

  public var members: [(String, JSON)] {
    [("usd_per_processor_second", .money(processorSecond)), ("usd_per_sent_mib", .money(sentMebibyte))]
  }

  /// What so much costs; pinned to the largest amount.
  public func cost(processorNanoseconds: Int, sentBytes: Int) -> MicroUSD {
    Self.part(processorSecond, of: processorNanoseconds, in: 1_000_000_000)
      + Self.part(sentMebibyte, of: sentBytes, in: 1 << 20)
  }

  private static func part(_ price: MicroUSD, of count: Int, in unit: UInt64) -> MicroUSD {
    // Exact: 900 s at 11 dollars a second are more than 64 bits count.
    let product = UInt64(max(0, count)).multipliedFullWidth(by: UInt64(price.micros))
    guard product.high < unit else { return .maximum }
    let (whole, rest) = unit.dividingFullWidth(product)
    let micros = min(Int64(clamping: whole), MicroUSD.maximum.micros)
    return MicroUSD(micros: rest > 0 ? micros + 1 : micros) ?? .maximum
  }
}
