/// Who acts: the path of a SPIFFE id (`spiffe://<trust domain>/<path>`), without its leading slash.
public enum Principal: Hashable, Comparable, Sendable {
  case node(String)
  case executor(String)
  case agent(tenant: String, name: String)
  case approver(String)
  case `operator`(String)
  case auditor(String)

  /// Whether a kill or a quarantine of it stops anything: what it asks for, votes on or runs. Operators' acts pass while all
  /// is halted, so that nobody is locked out, and auditors and nodes do nothing that it would stop.
  public var isRestrictable: Bool {
    switch self {
    case .agent, .approver, .executor: true
    case .node, .operator, .auditor: false
    }
  }

  /// Reads `node/<n>`, `executor/<e>`, `tenant/<t>/agent/<a>`, `approver/<a>`, `operator/<o>` or
  /// `auditor/<a>`, each name being a `Identifier`; nil for anything else.
  public init?(path: String) {
    let parts = path.parts(separatedBy: UInt8(ascii: "/"))
    guard parts.allSatisfy(Identifier.isValid) else { return nil }
    if parts.count == 4, parts[0] == "tenant", parts[2] == "agent" {
      self = .agent(tenant: parts[1], name: parts[3])
      return
    }
    guard parts.count == 2 else { return nil }
    switch parts[0] {
    case "node": self = .node(parts[1])
    case "executor": self = .executor(parts[1])
    case "approver": self = .approver(parts[1])
    case "operator": self = .operator(parts[1])
    case "auditor": self = .auditor(parts[1])
    default: return nil
    }
  }

  /// The path.
  public var path: String {
    switch self {
    case .node(let name): "node/\(name)"
    case .executor(let name): "executor/\(name)"
    case .agent(let tenant, let name): "tenant/\(tenant)/agent/\(name)"
    case .approver(let name): "approver/\(name)"
    case .operator(let name): "operator/\(name)"
    case .auditor(let name): "auditor/\(name)"
    }
  }

  public static func < (left: Principal, right: Principal) -> Bool {
    left.path.utf8.lexicographicallyPrecedes(right.path.utf8)
  }
}

/// What names things in records: 1 to 128 of the characters `A-Z a-z 0-9 . _ : @ -`, so that equal
/// names are equal bytes and no name is a path.
public enum Identifier {
  /// Longest identifier in bytes.
  public static let maximumBytes = 128

  /// Whether `text` is one.
  public static func isValid(_ text: String) -> Bool {
    let bytes = text.utf8
    guard (1...maximumBytes).contains(bytes.count) else { return false }
    guard text != ".", text != ".." else { return false }
    return bytes.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"),
        UInt8(ascii: ":"), UInt8(ascii: "@"), UInt8(ascii: "-"):
        true
      default: false
      }
    }
  }
}
