import Crypto
import Records
import Testing

@testable import OpenExec

/// INV-011: what one run may reach, and how much of it.
@Suite("Egress meter")
struct EgressMeterTests {
  func meter(
    _ destinations: [String] = ["https://api.example.org:443", "http://files.example.org:80"],
    connections: Int = 8, perMinute: Int = 8
  ) throws -> EgressMeter {
    let granted = try destinations.map { try #require(EgressDestination(text: $0), "\($0)") }
    let limits = EgressLimits(
      sentBytes: 1_000, receivedBytes: 2_000, connections: connections, connectionsPerMinute: perMinute)
    return EgressMeter(
      EgressGrant(destinations: granted, limits: limits),
      controlPlane: [try #require(AddressBlock(text: "9.9.9.9", purpose: "a node"))])
  }

  func request(_ line: String, _ more: String = "") throws -> ProxyRequest {
    let bytes = Array("\(line) HTTP/1.1\r\n\(more)\r\n".utf8)
    return try ProxyRequest(parsing: bytes[...])
  }

  func refusal(_ meter: inout EgressMeter, _ line: String, _ more: String = "", at: Int64 = 0) throws
    -> EgressRefusal?
  {
    let request = try request(line, more)
    do throws(EgressRefusal) {
      _ = try meter.admit(request, at: .seconds(at))
      return nil
    } catch {
      return error
    }
  }

  @Test("only what the grant names, by host, port and method")
  func destinations() throws {
    var meter = try meter([
      "https://api.example.org:443", "http://files.example.org:80", "http+write://up.example.org:80",
    ])
    let granted = [
      "CONNECT api.example.org:443", "GET http://files.example.org/", "HEAD http://files.example.org/x",
      "POST http://up.example.org/", "DELETE http://up.example.org/", "GET http://up.example.org/",
    ]
    for line in granted {
      let found = try refusal(&meter, line)
      #expect(found == nil, "\(line)")
    }
    let others: [(String, String)] = [
      ("CONNECT api.example.org:8443", "NOT_GRANTED"), ("CONNECT evil.example.org:443", "NOT_GRANTED"),
      ("CONNECT xapi.example.org:443", "NOT_GRANTED"),
      ("CONNECT api.example.org.evil.com:443", "NOT_GRANTED"),
      ("GET http://api.example.org:443/", "METHOD_NOT_GRANTED"),
      ("CONNECT files.example.org:80", "METHOD_NOT_GRANTED"),
      ("POST http://files.example.org/", "METHOD_NOT_GRANTED"),
      ("DELETE http://files.example.org/", "METHOD_NOT_GRANTED"),
      ("CONNECT up.example.org:80", "METHOD_NOT_GRANTED"),
    ]
    for (line, code) in others {
      let found = try refusal(&meter, line)
      #expect(found?.code == code, "\(line)")
    }
    let body = try refusal(&meter, "GET http://files.example.org/", "Content-Length: 1\r\n")
    #expect(body?.code == "METHOD_NOT_GRANTED")
    // Each is recorded, what was refused too.
    #expect(
      meter.records.map(\.verdict) == granted.map { _ in "OK" } + others.map(\.1) + ["METHOD_NOT_GRANTED"])
  }

  @Test("what a name resolves to is judged each time, all of it (rebinding)")
  func addresses() throws {
    var meter = try meter()
    func choose(_ texts: [String]) throws -> Result<String, EgressRefusal> {
      let addresses = try texts.map { try #require(NetworkAddress(text: $0)) }
      let (id, _) = try meter.admit(try request("CONNECT api.example.org:443"), at: .seconds(0))
      do throws(EgressRefusal) {
        return .success(try meter.choose(addresses, for: id).text)
      } catch {
        meter.close(id, error, at: .seconds(1))
        return .failure(error)
      }
    }
    let first = try choose(["2606:4700::1", "93.184.216.34"])
    #expect(first == .success("93.184.216.34"))
    // The same name, a moment later.
    for (texts, bad) in [
      (["127.0.0.1"], "127.0.0.1"), (["93.184.216.34", "10.0.0.1"], "10.0.0.1"), (["9.9.9.9"], "9.9.9.9"),
      (["93.184.216.34", "::1"], "::1"),
    ] {
      let found = try choose(texts)
      guard case .failure(.address(let address, _)) = found else {
        Issue.record("\(texts): \(found)")
        continue
      }
      #expect(address == NetworkAddress(text: bad))
      #expect(meter.records.last?.address == address && meter.records.last?.verdict == "ADDRESS_REFUSED")
    }
    let none = try choose([])
    #expect(none == .failure(.unresolved("the resolver gave none")))
  }

  @Test("connections, their rate, and bytes each way are bounded over the whole run")
  func caps() throws {
    var few = try meter(connections: 3, perMinute: 2)
    let line = "CONNECT api.example.org:443"
    let found = try [0, 1, 2, 60, 62, 130].map { try refusal(&few, line, at: $0) }
    #expect(found == [nil, nil, .rate(perMinute: 2), nil, .connections(limit: 3), .connections(limit: 3)])
    var meter = try meter()
    let (one, _) = try meter.admit(try request(line), at: .seconds(0))
    let (two, _) = try meter.admit(try request(line), at: .seconds(0))
    meter.sent(600, on: one)
    meter.sent(400, on: two)
    #expect(meter.sendRoom == 0)
    #expect(meter.receive(1_900, on: one) == 1_900 && meter.receive(200, on: two) == 100)
    let spent = try refusal(&meter, line)
    #expect(spent == .sentBytes(limit: 1_000))
    meter.close(one, nil, at: .seconds(5))
    #expect(meter.records[0].sentBytes == 600 && meter.records[0].closedAt == .seconds(5))
    #expect(meter.report.records[1].receivedBytes == 100)
    // A body that is longer than what is left never begins.
    var small = try self.meter(["http+write://up.example.org:80"])
    let body = try refusal(&small, "POST http://up.example.org/", "Content-Length: 1001\r\n")
    #expect(body == .sentBytes(limit: 1_000))
  }

  @Test("what came back is bounded as what went out is, and a body has to fit into what is left")
  func left() throws {
    var meter = try meter(["http+write://up.example.org:80"])
    let post = "POST http://up.example.org/"
    let (id, _) = try meter.admit(try request(post, "Content-Length: 600\r\n"), at: .seconds(0))
    meter.sent(600, on: id)
    let found = try [400, 401].map { try refusal(&meter, post, "Content-Length: \($0)\r\n") }
    #expect(found == [nil, .sentBytes(limit: 1_000)])
    #expect(meter.receive(1_999, on: id) == 1_999)
    let last = try refusal(&meter, "GET http://up.example.org/")
    #expect(last == nil && meter.receive(5, on: id) == 1)
    let full = try refusal(&meter, "GET http://up.example.org/")
    #expect(full == .receivedBytes(limit: 2_000))
  }

  /// A meter of one model, whose calls together have a hundred tokens.
  private func models(_ limits: ModelLimits?, after report: EgressReport? = nil) throws -> EgressMeter {
    let grant = EgressGrant(
      destinations: [try #require(EgressDestination(text: "model://m.example.org:443"))],
      limits: EgressLimits(
        sentBytes: 1_000, receivedBytes: 2_000, connections: 8, connectionsPerMinute: 8),
      model: limits)
    return EgressMeter(grant.continued(after: report), controlPlane: [])
  }

  /// Calls the model; the answer may have so many tokens, and its prompt takes nine.
  private func call(_ meter: inout EgressMeter, _ answer: Int) throws -> Result<EgressID, EgressRefusal> {
    let post = try request("POST http://m.example.org:443/", "Content-Length: 17\r\n")
    let (id, _) = try meter.admit(post, at: .seconds(0))
    do throws(EgressRefusal) {
      try meter.call(Array(#"{"max_tokens":\#(answer)}"#.utf8), secrets: [], on: id)
      return .success(id)
    } catch {
      return .failure(error)
    }
  }

  @Test("a model is called with a body, and the calls of all tries together have the token's tokens")
  func tokens() throws {
    let limits = ModelLimits(tokens: 100, costPerMillion: try #require(MicroUSD(text: "2")))
    var first = try models(limits)
    for line in ["GET", "PUT", "POST"].map({ "\($0) http://m.example.org:443/" }) + [
      "CONNECT m.example.org:443"
    ] {
      let found = try refusal(&first, line)
      #expect(found?.code == "METHOD_NOT_GRANTED", "\(line)")
    }
    let (one, two) = (try call(&first, 50), try call(&first, 50))
    #expect(two == .failure(.tokens(limit: 100)))
    // What is told counts, also beyond what was set aside.
    first.settle(tokens: 60, on: try one.get())
    #expect(first.tokens == 60 && first.report.used.tokens == 60 && first.report.cost.micros == 120)
    let report = first.report
    for (answer, isTaken) in [(31, true), (32, false)] {
      var second = try models(limits, after: report)
      let found = try call(&second, answer)
      #expect((found == .failure(.tokens(limit: 100))) == !isTaken, "\(answer): \(found)")
      #expect(second.report.used.tokens == (isTaken ? 100 : 60))
    }
    first.settle(tokens: .max, on: try one.get())
    #expect(first.tokens == 1 << 40)
    var unlimited = try models(nil)
    let none = try call(&unlimited, 1)
    #expect(none == .failure(.modelCall("limits for models in the registry")))
  }

  @Test("a receipt's summary counts what was made, what was refused, and what nobody could read")
  func summary() throws {
    var meter = try meter(["https://api.example.org:443", "http+write://up.example.org:80"])
    let address = [try #require(NetworkAddress(text: "93.184.216.34"))]
    for (line, bytes) in [("CONNECT api.example.org:443", 10), ("GET http://up.example.org/", 20)] {
      let (id, _) = try meter.admit(try request(line), at: .seconds(0))
      _ = try meter.choose(address, for: id)
      meter.sent(bytes, on: id)
      #expect(meter.receive(bytes + 1, on: id) == bytes + 1)
      meter.close(id, bytes == 20 ? .receivedBytes(limit: 2_000) : nil, at: .seconds(1))
    }
    for _ in 0..<100 { _ = try refusal(&meter, "CONNECT evil.example.org:443") }
    #expect(
      meter.report.summary
        == EgressSummary(
          connections: 2, refused: 101, sentBytes: 30, receivedBytes: 32, tokens: 0, opaqueBytes: 10))
  }

  @Test("what earlier tries have used of a grant, the next one has no more")
  func tries() throws {
    var first = try meter(connections: 3, perMinute: 2)
    let line = "CONNECT api.example.org:443"
    let (id, _) = try first.admit(try request(line), at: .seconds(0))
    first.sent(700, on: id)
    #expect(first.receive(1_500, on: id) == 1_500)
    let (late, _) = try first.admit(try request(line), at: .seconds(200))
    var second = EgressMeter(first.grant.continued(after: first.report), controlPlane: [])
    #expect(second.sendRoom == 300)
    // When the earlier ones were, nobody knows any more: the minute begins anew, full.
    let found = try [0, 61, 62].map { try refusal(&second, line, at: $0) }
    #expect(found == [.rate(perMinute: 2), nil, .connections(limit: 3)])
    #expect(second.receive(600, on: EgressID(position: 1)) == 500)
    // And the one after that, also where the second never came to reach anything.
    for report in [second.report, first.report] {
      let third = EgressMeter(second.grant.continued(after: report), controlPlane: [])
      #expect(third.grant.used.connections == report.used.connections && third.sendRoom == 300)
    }
    #expect(second.report.used.connections == 3 && second.report.used.receivedBytes == 2_000)
    // Its own list is its own.
    #expect(second.report.records.map(\.verdict) == ["RATE_LIMITED", "OK", "CONNECTIONS_USED_UP"])
    _ = late
  }

  @Test("the name of a host that was not granted is the action's own text, and is not kept as it is")
  func refusedNames() throws {
    var meter = try meter()
    let name = "tok-3n-s3cret.evil.example.org"
    _ = try refusal(&meter, "CONNECT \(name):443")
    _ = try refusal(&meter, "CONNECT files.example.org:22")
    #expect(
      meter.records.map(\.destination) == [
        "sha256-\(SHA256.hash(name).hex.prefix(16)):443", "files.example.org:22",
      ])
  }

  @Test("refusals without number are counted, not remembered")
  func refusals() throws {
    var meter = try meter()
    for _ in 0..<1_000 { _ = try refusal(&meter, "CONNECT evil.example.org:443") }
    #expect(meter.records.count == EgressMeter.maximumRefusals)
    #expect(meter.unrecorded == 1_000 - EgressMeter.maximumRefusals)
    let still = try refusal(&meter, "CONNECT api.example.org:443")
    #expect(still == nil && meter.records.count == EgressMeter.maximumRefusals + 1)
  }
}
