import Canonical

/// How sensitive the data is that an action touches, ascending (API-3).
public enum DataClassification: String, Sendable, CaseIterable, Comparable {
  case `public`, `internal`, pii, restricted

  public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
  private var rank: Int {
    switch self {
    case .public: 0
    case .internal: 1
    case .pii: 2
    case .restricted: 3
    }
  }
}

/// How much an action can change, ascending (API-3).
public enum ImpactLevel: String, Sendable, CaseIterable, Comparable {
  case low, moderate, high, critical

  public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
  private var rank: Int {
    switch self {
    case .low: 0
    case .moderate: 1
    case .high: 2
    case .critical: 3
    }
  }
}

/// What is at stake (API-3). What counts is the higher of what the agent declares and what the
/// registry says.
public struct RiskContext: Hashable, Sendable, JSONWritable {
  /// What the agent expects the action to cost.
  public var estimatedCost: MicroUSD
  /// The most sensitive data it touches.
  public var dataClassification: DataClassification
  /// The most it can change.
  public var impactLevel: ImpactLevel

  /// A risk context.
  public init(
    estimatedCost: MicroUSD, dataClassification: DataClassification, impactLevel: ImpactLevel
  ) {
    self.estimatedCost = estimatedCost
    self.dataClassification = dataClassification
    self.impactLevel = impactLevel
  }

  package init(from fields: inout Fields) throws(RecordError) {
    estimatedCost = try fields.money("estimated_cost_usd")
    dataClassification = try fields.choice("data_classification")
    impactLevel = try fields.choice("impact_level")
  }

  public var members: [(String, JSON)] {
    [
      ("data_classification", .string(dataClassification.rawValue)),
      ("estimated_cost_usd", .money(estimatedCost)), ("impact_level", .string(impactLevel.rawValue)),
    ]
  }

  /// The higher of both, field by field.
  public func joined(_ other: RiskContext) -> RiskContext {
    RiskContext(
      estimatedCost: max(estimatedCost, other.estimatedCost),
      dataClassification: max(dataClassification, other.dataClassification),
      impactLevel: max(impactLevel, other.impactLevel))
  }
}

/// Where an action ran, weakest first. Part of the receipt; policy names the least it accepts.
public enum IsolationClass: String, Sendable, CaseIterable, Comparable {
  case container
  case microvmTCG = "microvm-tcg"
  case microvmKVM = "microvm-kvm"
  case kata

  public static func < (left: Self, right: Self) -> Bool { left.rank < right.rank }
  private var rank: Int {
    switch self {
    case .container: 0
    case .microvmTCG: 1
    case .microvmKVM: 2
    case .kata: 3
    }
  }
}
