import Canonical
import Records

/// What the health port answers: a status and one JSON object (RT-15, RT-16).
public struct ProbeAnswer: Equatable, Sendable {
  public let status: Int
  public let body: JSON

  init(_ status: Int, _ body: JSON) {
    self.status = status
    self.body = body
  }

  /// What a refused request is told.
  public init(_ refusal: ProbeRefusal) {
    self.init(refusal.status, ["error": .string(refusal.reason)])
  }

  /// The one answer of its connection, which closes after it.
  public func bytes(withBody: Bool) -> [UInt8] {
    let content = body.canonicalBytes() + [0x0A]
    let head =
      "HTTP/1.1 \(status) \(ProbeAnswer.reasons[status] ?? "Refused")\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(content.count)\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
      + "Connection: close\r\n\r\n"
    return Array(head.utf8) + (withBody ? content : [])
  }

  private static let reasons = [
    200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
    408: "Request Timeout", 411: "Length Required", 413: "Content Too Large",
    431: "Request Header Fields Too Large", 501: "Not Implemented", 503: "Service Unavailable",
  ]
}

/// What there is to ask, and what is answered. Nothing that is asked changes anything.
public struct ProbeDesk: Sendable {
  public var health: ExecutorHealth
  public var readiness: Readiness
  /// Of the program.
  public var version: String

  /// What answers are made of.
  public init(health: ExecutorHealth, readiness: Readiness, version: String) {
    self.health = health
    self.readiness = readiness
    self.version = version
  }

  private static let endpoints: [(path: String, method: String, says: String)] = [
    ("/", "GET", "what there is to ask"),
    ("/health", "GET", "mode, restrictions, what is verified against what, the allow-list, the declaration"),
    ("/ready", "GET", "200 where jobs are taken; 503 and why not"),
    ("/version", "GET", "the program's version, and the newest semantics that it knows"),
    ("/execute", "POST", "always 403: jobs come from governance nodes, with an approval"),
    (
      "/receipts/verify", "POST",
      "a receipt's proof from the ledger, as text: 200 where it holds here, else 403"
    ),
  ]

  /// The answer to a request whose body has come. `verify` is asked for `/receipts/verify` alone.
  public func answer(
    _ request: ProbeRequest, body: [UInt8], verify: (String) -> Result<JSON, ProbeRefusal>
  ) -> ProbeAnswer {
    guard let endpoint = ProbeDesk.endpoints.first(where: { $0.path == request.path }) else {
      let known = ProbeDesk.endpoints.map(\.path).joined(separator: ", ")
      return ProbeAnswer(ProbeRefusal(404, "expected one of \(known)"))
    }
    let method = request.method == "HEAD" ? "GET" : request.method
    guard method == endpoint.method else {
      return ProbeAnswer(ProbeRefusal(405, "\(endpoint.path): expected \(endpoint.method)"))
    }
    switch endpoint.path {
    case "/": return ProbeAnswer(200, root)
    case "/health": return ProbeAnswer(200, state)
    case "/ready": return ready
    case "/version": return ProbeAnswer(200, about)
    case "/execute":
      return ProbeAnswer(
        ProbeRefusal(
          403, "no approval is taken here: a governance node brings it, with what it is for, by Executor/Jobs"
        ))
    default:
      guard !body.isEmpty else {
        return ProbeAnswer(ProbeRefusal(403, "no artifact: expected a receipt's proof as the body"))
      }
      switch verify(String(decoding: body, as: UTF8.self)) {
      case .success(let found): return ProbeAnswer(200, found)
      case .failure(let refusal):
        return ProbeAnswer(refusal.status, ["verified": false, "error": .string(refusal.reason)])
      }
    }
  }

  private var root: JSON {
    let listed = ProbeDesk.endpoints.map { endpoint -> JSON in
      [
        "path": .string(endpoint.path), "method": .string(endpoint.method), "says": .string(endpoint.says),
      ]
    }
    return ["service": "openexec", "executor_id": .string(health.executor.path), "endpoints": .array(listed)]
  }

  private var about: JSON {
    ["version": .string(version), "newest_semantics": .integer(Semantics.newest)]
  }

  private var state: JSON {
    var members = health.json.object?.members.map { ($0.name, $0.value) } ?? []
    members.append(("declaration", .string(readiness.declaration)))
    members.append(("shortcomings", .array(readiness.shortcomings.map { .string($0) })))
    return .object(members)
  }

  private var ready: ProbeAnswer {
    let obstacles = health.obstacles
    return ProbeAnswer(
      obstacles.isEmpty ? 200 : 503,
      ["ready": .bool(obstacles.isEmpty), "obstacles": .array(obstacles.map { .string($0) })])
  }
}
