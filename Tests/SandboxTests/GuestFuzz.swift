import Crypto
import OpenExec
import Records
import Wire

@testable import Sandbox

/// A hostile guest: frames that are right, out of turn, spoiled, cut, too long, or no frames at all, the same for the
/// same seed; and what is looked at after each of them, on the executor's real decoder, conversation, streams and meter.
struct GuestFuzz {
  struct Counts: Equatable {
    var frames = 0
    var bytes = 0
    var conversations = 0
    /// Conversations whose guest had proven itself.
    var started = 0
    /// That ended with the guest's own word.
    var finished = 0
    /// Ended by a violation, by kind.
    var violations: [String: Int] = [:]
    var streamEvents = 0
    var requests = 0
    var refusedRequests = 0
    /// What ought never to be, in words.
    var faults: [String] = []
  }

  /// SplitMix64: the same numbers on every machine.
  struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var value = state
      value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
      value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
      return value ^ (value >> 31)
    }

    mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }
    mutating func bytes(_ count: Int) -> [UInt8] {
      (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
    }
    mutating func one<Element>(of elements: [Element]) -> Element { elements[below(elements.count)] }
  }

  static let secret = Array("tok-3n:S3cret/Value".utf8)
  static let outputLimit = 4_096

  private let run: GuestRun = {
    var run = GuestRun()
    run.challenge = [UInt8](repeating: 4, count: 32)
    run.arguments = ["/action"]
    run.inputs = [GuestInput(name: "1-a", size: 3, digest: SHA256.hash("abc").bytes)]
    run.secrets = [GuestSecret(name: "token", value: GuestFuzz.secret)]
    run.hasProxy = true
    return run
  }()

  private let hello = GuestFrame(.hello(GuestHello(kernel: "6.1.0", bootID: "a-b")))

  private var answer: GuestFrame {
    let statement = GuestStarted.statement(
      challenge: Hex.encode(run.challenge), kernel: "6.1.0", bootID: "a-b")
    return GuestFrame(.started(GuestStarted(answer: SHA256.hash(statement).bytes)))
  }

  private var random: Generator
  private(set) var counts = Counts()

  init(seed: UInt64) { random = Generator(state: seed) }

  /// Speaks at least so many frames.
  mutating func speak(frames: Int) {
    while counts.frames < frames { converse() }
  }

  // MARK: One machine's life

  private mutating func converse() {
    var session = Session(run)
    counts.conversations += 1
    // Mostly a guest gets to its action first: what it may say there is the most.
    var opening: [GuestFrame] = random.below(8) > 0 ? [hello, answer] : []
    while session.isOpen {
      var bytes: [UInt8]
      if opening.isEmpty {
        bytes = frame(of: session)
      } else {
        bytes = opening.removeFirst().framed
        if random.below(24) == 0 { spoil(&bytes) }
      }
      counts.frames += 1
      counts.bytes += bytes.count
      // In pieces, as a channel carries them.
      while !bytes.isEmpty, session.isOpen {
        let count = random.below(4) == 0 ? 1 + random.below(bytes.count) : bytes.count
        session.hear(Array(bytes[..<count]), &counts)
        bytes.removeFirst(count)
      }
      if random.below(400) == 0 { session.endsUnsaid() }
    }
    session.close(&counts)
  }

  private mutating func frame(of session: Session) -> [UInt8] {
    var bytes: [UInt8]
    switch random.below(400) {
    case 0: return random.bytes(1 + random.below(64))
    case 1:
      // A length that is a lie, up to 4 GiB.
      return [UInt8(random.below(3))] + random.bytes(4) + random.bytes(random.below(32))
    case 2: bytes = random.one(of: [hello, answer, GuestFrame(), GuestFrame(.run(run))]).framed
    case 3: bytes = GuestFrame(.input(GuestInputPiece(random.bytes(random.below(9))))).framed
    case 4:
      var done = GuestDone()
      done.exitStatus = random.one(of: [0, 1, 255, 256, -1, .max])
      done.signal = random.one(of: [0, 9, 127, 128, .max])
      done.failure = String(repeating: "f", count: random.one(of: [0, 10, 1_024, 1_025]))
      bytes = GuestFrame(.done(done)).framed
    case 5..<160: bytes = GuestFrame(.output(output())).framed
    default: bytes = GuestFrame(.stream(stream(session))).framed
    }
    if random.below(200) == 0 { spoil(&bytes) }
    return bytes
  }

  private mutating func spoil(_ bytes: inout [UInt8]) {
    switch random.below(4) {
    case 0: for _ in 0...random.below(3) { bytes[random.below(bytes.count)] ^= UInt8(1 + random.below(255)) }
    case 1: bytes.removeLast(1 + random.below(bytes.count))
    case 2: bytes.insert(contentsOf: random.bytes(1 + random.below(8)), at: random.below(bytes.count))
    default: bytes += bytes
    }
  }

  /// Text, noise and the run's secret, whole, in halves and in other clothes.
  private mutating func output() -> GuestOutput {
    let half = GuestFuzz.secret.count / 2
    let content: [UInt8]
    switch random.below(7) {
    case 0: content = GuestFuzz.secret
    case 1: content = Array(GuestFuzz.secret[..<half])
    case 2: content = Array(GuestFuzz.secret[half...])
    case 3: content = Array(Hex.encode(GuestFuzz.secret).utf8)
    case 4: content = random.bytes(random.below(200))
    case 5: content = []
    default:
      let sizes = [
        1, 100, 100, 100, 100, 100, 4_095, 4_096, GuestFrame.maximumOutputCount,
        GuestFrame.maximumOutputCount + 1,
      ]
      content = [UInt8](repeating: 0x61, count: random.below(50) == 0 ? random.one(of: sizes) : 16)
    }
    return GuestOutput(random.below(3) == 0 ? .error : .output, content)
  }

  private mutating func stream(_ session: Session) -> GuestStream {
    let known = session.streams
    let id = known.isEmpty || random.below(300) == 0 ? UInt32(random.below(12)) : random.one(of: known)
    let mayOpen = known.count < GuestStreams.maximumStreams || random.below(300) == 0
    switch random.below(200) {
    case 0..<40 where mayOpen, _ where mayOpen && known.isEmpty:
      return GuestStream(random.below(300) == 0 ? id : session.lastStream + 1, .open)
    case 40..<60: return GuestStream(id, .end)
    case 60..<80: return GuestStream(id, .reset)
    case 80:
      return GuestStream(id, .credit, credit: random.below(4) == 0 ? .max : UInt32(random.below(2_000)))
    default: return GuestStream(id, .data, bytes: request())
    }
  }

  /// What an action might say to a proxy.
  private mutating func request() -> [UInt8] {
    let hosts = [
      "files.example.org", "127.0.0.1", "evil.example.org", "a..b", "files.example.org:80@x", "[::1]",
    ]
    let host = random.one(of: hosts)
    let line = random.one(of: [
      "GET http://\(host)/", "CONNECT \(host):443", "POST http://\(host)/", "X", " ",
    ])
    let ends = [
      "\r\n\r\n", "\r\n\r\n", "\n\n", "\r\nContent-Length: 99999999999\r\n\r\n", "\r\nHost: x\r\n\r\n",
    ]
    var bytes = Array("\(line) HTTP/1.\(random.below(3))\(random.one(of: ends))".utf8)
    if random.below(10) == 0 { spoil(&bytes) }
    if random.below(200) == 0 { bytes = random.bytes(GuestStream.maximumCount + random.below(2)) }
    return bytes.isEmpty ? [0] : bytes
  }
}

extension GuestFuzz {
  /// The executor's side of one machine, and what holds of it whatever the guest says.
  struct Session {
    private var conversation: GuestConversation
    private var meter: EgressMeter
    private var heads: [UInt32: [UInt8]] = [:]
    private(set) var streams: [UInt32] = []
    private(set) var lastStream: UInt32 = 0
    private(set) var isOpen = true
    private var said: [String] = []
    private var sentBytes = 0
    private var looks = 0

    init(_ run: GuestRun) {
      conversation = GuestConversation(run, inputs: [Array("abc".utf8)], outputLimit: GuestFuzz.outputLimit)
      let limits = EgressLimits(
        sentBytes: 10_000, receivedBytes: 10_000, connections: 8, connectionsPerMinute: 8)
      let granted = EgressDestination(text: "http://files.example.org:80").map { [$0] } ?? []
      meter = EgressMeter(EgressGrant(destinations: granted, limits: limits), controlPlane: [])
    }

    /// The machine dies without a word.
    mutating func endsUnsaid() { isOpen = false }

    mutating func hear(_ bytes: [UInt8], _ counts: inout Counts) {
      do throws(GuestViolation) {
        for step in try conversation.receive(bytes) { take(step, &counts) }
      } catch {
        isOpen = false
        let name = "\(error)".split(separator: " ").prefix(3).joined(separator: " ")
        counts.violations[name, default: 0] += 1
      }
      // What the executor has to say leaves at once, as far as there is anything.
      while isOpen, let piece = conversation.nextPiece() { sentBytes += piece.count }
      looks += 1
      look(&counts, closely: looks % 64 == 0)
    }

    private mutating func take(_ step: GuestConversation.Step, _ counts: inout Counts) {
      switch step {
      case .send(let reply): said.append("run \(reply.count)")
      case .greeted: said.append("greeted")
      case .started:
        said.append("started")
        counts.started += 1
      case .finished:
        said.append("finished")
        counts.finished += 1
        isOpen = false
      case .stream(let event):
        counts.streamEvents += 1
        take(event, &counts)
      }
    }

    /// What a proxy does with it, but for sockets.
    private mutating func take(_ event: GuestStreams.Event, _ counts: inout Counts) {
      switch event {
      case .opened(let id):
        lastStream = id
        streams.append(id)
      case .credited: break
      case .ended(let id):
        conversation.withStreams { $0.end(id) }
        streams.removeAll { $0 == id }
        heads[id] = nil
      case .reset(let id):
        streams.removeAll { $0 == id }
        heads[id] = nil
      case .data(let id, let bytes): read(bytes, of: id, &counts)
      }
    }

    private mutating func read(_ bytes: [UInt8], of id: UInt32, _ counts: inout Counts) {
      heads[id, default: []] += bytes
      let head = heads[id] ?? []
      do {
        guard let length = try ProxyRequest.headLength(head) else { return }
        counts.requests += 1
        let request = try ProxyRequest(parsing: head[..<length])
        _ = try meter.admit(request, at: .seconds(1))
        let answer = Array("HTTP/1.1 200 OK\r\n\r\n".utf8)
        conversation.withStreams { streams in
          streams.consumed(head.count, of: id)
          if streams.room(id) >= answer.count { streams.send(answer, on: id) }
        }
      } catch {
        counts.refusedRequests += 1
        conversation.withStreams { $0.reset(id) }
        streams.removeAll { $0 == id }
      }
      heads[id] = nil
    }

    // MARK: What holds

    /// `closely`: what takes long to look at as well.
    private func look(_ counts: inout Counts, closely: Bool) {
      func hold(_ condition: Bool, _ what: String) {
        if !condition, counts.faults.count < 20 { counts.faults.append(what) }
      }
      let order = ["run", "greeted", "started", "finished"]
      let heard = said.map { $0.split(separator: " ")[0] }
      hold(
        heard.elementsEqual(order.prefix(heard.count).map { Substring($0) }), "steps out of order: \(said)")
      hold(
        conversation.evidence != nil || !said.contains("started"), "started without evidence: \(said)")
      hold((conversation.streams?.count ?? 0) <= GuestStreams.maximumStreams, "too many streams")
      hold(meter.records.count <= 8 + EgressMeter.maximumRefusals, "more records than there may be")
      guard closely else { return }
      hold(heads.values.allSatisfy { $0.count <= GuestStreams.window }, "a stream holds more than its window")
      hold(
        conversation.output.bytes.count <= GuestFuzz.outputLimit + 64, "more output than its limit is kept")
      hold(
        conversation.errorOutput.bytes.count <= GuestFuzz.outputLimit + 64,
        "more error output than its limit is kept")
    }

    /// The machine is gone: what is kept of what it wrote has no secret.
    mutating func close(_ counts: inout Counts) {
      look(&counts, closely: true)
      conversation.close()
      let kept = conversation.output.bytes + [0] + conversation.errorOutput.bytes
      for form in [GuestFuzz.secret, Array(Hex.encode(GuestFuzz.secret).utf8)]
      where Session.contains(kept, form) && counts.faults.count < 20 {
        counts.faults.append("a secret is kept: \(String(decoding: form, as: UTF8.self))")
      }
    }

    private static func contains(_ bytes: [UInt8], _ form: [UInt8]) -> Bool {
      guard bytes.count >= form.count else { return false }
      return (0...(bytes.count - form.count)).contains { start in
        bytes[start] == form[0] && bytes[start..<(start + form.count)].elementsEqual(form)
      }
    }
  }
}
