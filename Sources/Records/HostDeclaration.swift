import Canonical
import Crypto

/// What an executor says of its host with each challenge (HF-9), signed by its receipt key: so a node can repeat it to others
/// and cannot make it up. Nothing is allowed by it; a leader names those first who offer what is needed.
public struct HostDeclaration: PartyContent {
  public static let domain = "declaration"

  public var executor: Principal
  public var incarnation: Int
  /// The challenge that it goes with.
  public var challenge: [UInt8]
  /// Names of the isolation classes that are active, as they are told.
  public var isolationClasses: [String]
  public var isCompliant: Bool
  /// What is off, as `name: why`.
  public var shortcomings: [String]
  /// The cluster's time as the executor knows it, or its own clock's before its first lease: by it an older one is told
  /// from a newer one. Nil in those of older programs.
  public var declaredAt: Timestamp?

  /// A declaration.
  public init(
    executor: Principal, incarnation: Int, challenge: [UInt8], isolationClasses: [String], isCompliant: Bool,
    shortcomings: [String], declaredAt: Timestamp?
  ) {
    self.declaredAt = declaredAt
    self.executor = executor
    self.incarnation = incarnation
    self.challenge = challenge
    self.isolationClasses = isolationClasses
    self.isCompliant = isCompliant
    self.shortcomings = shortcomings
  }

  public init(from fields: inout Fields) throws(RecordError) {
    executor = try fields.principal("executor")
    incarnation = try fields.integer("incarnation", in: 1...Int(UInt32.max))
    challenge = try fields.value("challenge", "16 to 32 bytes in hexadecimal") { json in
      json.string.flatMap(Hex.decode).flatMap { (16...32).contains($0.count) ? $0 : nil }
    }
    isolationClasses = try fields.list("isolation_classes", limit: 16, of: "classes") { $0.string }
    isCompliant = try fields.value("compliant", "true or false") { $0.bool }
    shortcomings = try fields.list("shortcomings", limit: 32, of: "sentences") { $0.string }
    declaredAt = try fields.optionalValue("declared_at", "a time (RFC 3339, UTC)") { json in
      json.string.flatMap(Timestamp.init(text:))
    }
  }

  public var members: [(String, JSON)] {
    [
      ("executor", .string(executor.path)), ("incarnation", .integer(incarnation)),
      ("challenge", .string(Hex.encode(challenge))), ("isolation_classes", .texts(isolationClasses)),
      ("compliant", .bool(isCompliant)), ("shortcomings", .texts(shortcomings)),
    ] + (declaredAt.map { [("declared_at", .time($0))] } ?? [])
  }

  /// Whether it counts over `other`, which was heard before, of the same executor and incarnation. What does not say when
  /// it was made is older than what does; where neither says so, nobody can tell, and the later one to come counts.
  public func isNewer(than other: HostDeclaration) -> Bool {
    guard let declaredAt else { return other.declaredAt == nil }
    return other.declaredAt.map { declaredAt > $0 } ?? true
  }
}
