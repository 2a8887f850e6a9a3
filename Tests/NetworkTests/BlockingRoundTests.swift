import EventLoop
import Foundation
import Testing
import Wire

@testable import Network

/// States: connecting; on the next address of a name; called; answered; over, with some who have said nothing.
/// Failure cases: nobody listens, a listener that never speaks, a server that never answers, a certificate that is another's
/// or too old, a name without an address.
@Suite("One call to several servers")
struct BlockingRoundTests {
  private static let names = ["n1", "n2", "n3"]

  /// Servers on loops of their own, and their places.
  private final class Servers {
    let realm: Realm
    private(set) var places: [String] = []
    private var threads: [LoopThread] = []

    init(_ names: [String], realm: Realm) throws {
      self.realm = realm
      for name in names { places.append(try start(name)) }
    }

    deinit { for thread in threads { try? thread.stopAndJoin() } }

    private func start(_ name: String) throws -> String {
      let address = AddressBox()
      let context = try realm.context(.node(name))
      threads.append(
        try LoopThread(name: name) { loop in
          let server = try CallServer(loop: loop, tls: context, address: .loopback())
          server.handle("/test.T/Name") { $1.respond(Array(name.utf8)) }
          server.handle("/test.T/Refuse") { $1.fail(CallStatus(.permissionDenied, "not you")) }
          // The first never says a word.
          var silent: [Responder] = []
          server.handle("/test.T/Most") { _, responder in
            if name == "n1" { silent.append(responder) } else { responder.respond(Array(name.utf8)) }
          }
          address.put(server.address)
          // The loop holds what its timers hold.
          _ = try loop.schedule(after: .seconds(3_600)) { server.close() }
        })
      return "\(try #require(address.wait()))"
    }
  }

  private static func servers(_ places: [String]) -> [BlockingRound.Server] {
    zip(places, names).map { BlockingRound.Server(place: $0, expecting: .exactly(.node($1))) }
  }

  private func texts(_ answers: [BlockingRound.Answer?]) -> [String] {
    answers.map { answer in
      switch answer?.result {
      case .none: "-"
      case .success(let payload): String(decoding: payload, as: UTF8.self)
      case .failure(let status): status.code.name
      }
    }
  }

  /// A port that takes connections and says nothing, as a process that is stopped does.
  private final class DeafPort {
    let place: String
    private let descriptor: Int32

    init() throws {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      self.descriptor = descriptor
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let bound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
          bind(descriptor, name, length) == 0 && listen(descriptor, 8) == 0
            && getsockname(descriptor, name, &length) == 0
        }
      }
      place = "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
      try #require(bound)
    }

    deinit { close(descriptor) }
  }

  @Test("all are asked at once, and each answers for itself")
  func all() throws {
    let servers = try Servers(Self.names, realm: Realm())
    let round = try BlockingRound(
      tls: servers.realm.context(agent), servers: Self.servers(servers.places), connecting: .seconds(20))
    var seen: [Int] = []
    let answers = try round.call("/test.T/Name", [], timeout: .seconds(20)) {
      seen.append($0.count { $0 != nil })
      return nil
    }
    #expect(texts(answers) == Self.names)
    #expect(seen.last == 3 && seen == seen.sorted())
    // The connection to one of them goes on.
    let kept = try #require(round.keep(1))
    #expect(try kept.call("/test.T/Name", [], timeout: .seconds(20)) == Array("n2".utf8))
    #expect(round.keep(0) == nil, "one alone")
    let refused = try BlockingRound(
      tls: servers.realm.context(agent), servers: Self.servers(servers.places), connecting: .seconds(20))
    let refusals = try refused.call("/test.T/Refuse", [], timeout: .seconds(20)) { _ in nil }
    #expect(texts(refusals) == [String](repeating: "PERMISSION_DENIED", count: 3))
  }

  @Test(
    "who is not there, speaks to nobody or is somebody else holds up no other, for a time that is bounded")
  func bad() throws {
    let servers = try Servers(["n3"], realm: Realm())
    let deaf = try DeafPort()
    let begin = MonotonicInstant.now
    let round = try BlockingRound(
      tls: servers.realm.context(agent),
      servers: Self.servers(["127.0.0.1:1", deaf.place, servers.places[0]]), connecting: .seconds(2))
    let answers = try round.call("/test.T/Name", [], timeout: .seconds(60)) { _ in nil }
    #expect(texts(answers) == ["UNAVAILABLE", "UNAVAILABLE", "n3"])
    #expect(MonotonicInstant.now.since(begin) < .seconds(20), "the deaf one had two seconds")
    guard case .failure(let status) = answers[1]?.result else { return #expect(Bool(false)) }
    #expect(status.message.contains("handshake in time"), "\(status)")
    // n3's place under another's name, and n3 with a certificate that is too old.
    let impostor = try BlockingRound(
      tls: servers.realm.context(agent), servers: Self.servers([servers.places[0]]), connecting: .seconds(20))
    #expect(
      texts(try impostor.call("/test.T/Name", [], timeout: .seconds(20)) { _ in nil }) == ["UNAVAILABLE"])
    let old = try BlockingRound(
      tls: servers.realm.context(agent),
      servers: [BlockingRound.Server(place: servers.places[0], expecting: .exactly(.node("n3")))],
      connecting: .seconds(20), oldestCertificate: { _ in .max })
    #expect(texts(try old.call("/test.T/Name", [], timeout: .seconds(20)) { _ in nil }) == ["UNAVAILABLE"])
  }

  @Test(
    "what is enough ends it; what comes first only shortens the wait, and it never lasts longer than it was to"
  )
  func patience() throws {
    let servers = try Servers(Self.names, realm: Realm())
    func round() throws -> BlockingRound {
      try BlockingRound(
        tls: servers.realm.context(agent), servers: Self.servers(servers.places), connecting: .seconds(20))
    }
    var first: BlockingRound? = try round()
    let enough = try #require(first).call("/test.T/Most", [], timeout: .seconds(600)) { answers in
      answers.count { $0 != nil } == 2 ? .zero : nil
    }
    #expect(texts(enough) == ["-", "n2", "n3"])
    // What was still asked of the others ends later than the round.
    let kept = first?.keep(1)
    first = nil
    #expect(try kept?.call("/test.T/Name", [], timeout: .seconds(20)) == Array("n2".utf8))
    var asked = 0
    let begin = MonotonicInstant.now
    let last = try round().call("/test.T/Most", [], timeout: .seconds(600)) { _ in
      asked += 1
      return asked == 1 ? .milliseconds(500) : .seconds(600)
    }
    #expect(texts(last).first == "-")
    #expect(MonotonicInstant.now.since(begin) < .seconds(60))
    // Nobody says anything in time, which is an answer of nobody.
    let none = try round().call("/test.T/Most", [], timeout: .milliseconds(1)) { _ in nil }
    #expect(
      none.count == 3 && none.allSatisfy { answer in answer.map { (try? $0.result.get()) == nil } ?? true })
  }

  @Test("of a name's addresses one is tried after the other, and a name that is slow holds up no other")
  func names() throws {
    let servers = try Servers(["n1", "n2"], realm: Realm())
    let second = try #require(SocketAddress(servers.places[1]))
    let never = DispatchSemaphore(value: 0)
    defer { never.signal() }
    let round = try BlockingRound(
      tls: servers.realm.context(agent),
      servers: Self.servers(["slow.example:7", "two.example:7", "none.example:7"]), connecting: .seconds(20),
      lookUp: { name in
        switch name {
        case "slow.example:7": never.wait(); return []
        case "two.example:7": return [.loopback(port: 1), second]
        default: return []
        }
      })
    let answers = try round.call("/test.T/Name", [], timeout: .seconds(600)) { answers in
      answers.count { $0 != nil } == 2 ? .zero : nil
    }
    #expect(texts(answers) == ["-", "n2", "UNAVAILABLE"])
  }
}
