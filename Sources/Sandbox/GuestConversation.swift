import Crypto
import OpenExec
import Records
import Wire

/// What a guest did that no guest of ours does. The machine is ended, and nothing it said counts.
enum GuestViolation: Error, Equatable, CustomStringConvertible {
  case framing(FramingError)
  case message(ProtobufError)
  case version(UInt32)
  case unexpected(String)
  case malformed(String)
  /// The evidence is not the answer to the challenge.
  case wrongAnswer

  var description: String {
    switch self {
    case .framing(let error): "the guest's framing: \(error.status.message)"
    case .message(let error): "the guest's message: \(error)"
    case .version(let version): "the guest speaks version \(version), expected \(GuestHello.currentVersion)"
    case .unexpected(let what): "the guest said \(what) out of turn"
    case .malformed(let what): "the guest's \(what) is malformed"
    case .wrongAnswer: "the guest's evidence does not answer the challenge"
    }
  }
}

/// The executor's side of Docs/Protocol/guest.proto, as a value: bytes in, steps out.
struct GuestConversation {
  enum Phase: Equatable {
    /// The guest speaks first. Can transition to: told.
    case awaitingHello
    /// It knows what to run, and is sent its inputs. Can transition to: running.
    case told
    /// It has proven itself. Can transition to: done.
    case running
    /// Nothing more is listened to.
    case done(GuestDone)
  }

  enum Step: Equatable {
    case send([UInt8])
    /// The guest is up, and what to run is on its way.
    case greeted
    /// The guest has proven that it runs the challenge's machine.
    case started
    case finished(GuestDone)
    /// The action did something with a stream to the proxy.
    case stream(GuestStreams.Event)
  }

  let run: GuestRun
  /// Contents of the run's inputs, in their order.
  private let inputs: [[UInt8]]
  /// What of them is sent: whole inputs, and bytes of the one after.
  private var sent = (inputs: 0, bytes: 0)
  private(set) var phase = Phase.awaitingHello
  private(set) var evidence: GuestEvidence?
  /// What is kept of what the action writes, without the run's secrets.
  private(set) var output: OutputFilter
  private(set) var errorOutput: OutputFilter
  /// Only where the run has a proxy.
  private(set) var streams: GuestStreams?
  /// The guest finds the run in its machine; it is not sent.
  private let isTold: Bool
  private var hello = GuestHello()
  private var decoder = FrameDecoder(limit: GuestFrame.guestLimit)

  /// Most bytes of standard error that are kept.
  static let errorLimit = 16 << 10

  init(_ run: GuestRun, inputs: [[UInt8]] = [], outputLimit: Int, isTold: Bool = false) {
    precondition(run.inputs.map(\.size) == inputs.map { UInt64($0.count) }, "the inputs are those of the run")
    self.run = run
    self.inputs = inputs
    self.isTold = isTold
    let secrets = run.secrets.map { RunSecret(name: $0.name, value: $0.value) }
    output = OutputFilter(secrets, limit: outputLimit)
    errorOutput = OutputFilter(secrets, limit: min(outputLimit, GuestConversation.errorLimit))
    streams = run.hasProxy ? GuestStreams(opens: false) : nil
  }

  /// The next piece of the inputs, or of a stream, to be sent when the one before has left; nil where there is none,
  /// or not yet. So no more than one piece waits here, however long the inputs are.
  mutating func nextPiece() -> [UInt8]? {
    if phase == .running { return streams?.nextFrame().map { GuestFrame(.stream($0)).framed } }
    guard phase == .told else { return nil }
    while sent.inputs < inputs.count {
      let rest = inputs[sent.inputs][sent.bytes...].prefix(GuestInputPiece.maximumCount)
      guard rest.isEmpty else {
        sent.bytes += rest.count
        return GuestFrame(.input(GuestInputPiece(Array(rest)))).framed
      }
      sent = (sent.inputs + 1, 0)
    }
    return nil
  }

  private var hasSentInputs: Bool {
    inputs.indices.allSatisfy { index in
      index < sent.inputs || (index == sent.inputs && sent.bytes == inputs[index].count)
        || inputs[index].isEmpty
    }
  }

  /// Takes what has come; nothing is kept but one unfinished frame and the bounded outputs.
  mutating func receive(_ bytes: [UInt8]) throws(GuestViolation) -> [Step] {
    decoder.append(bytes)
    var steps: [Step] = []
    while true {
      if case .done = phase { return steps }
      let content: ArraySlice<UInt8>?
      do {
        content = try decoder.next()
      } catch {
        throw .framing(error)
      }
      guard let content else { return steps }
      let frame: GuestFrame
      do {
        frame = try GuestFrame(decoding: content)
      } catch {
        throw .message(error)
      }
      steps += try take(frame)
    }
  }

  private mutating func take(_ frame: GuestFrame) throws(GuestViolation) -> [Step] {
    switch (phase, frame.kind) {
    case (.awaitingHello, .hello(let hello)):
      try check(hello)
      self.hello = hello
      phase = .told
      return isTold ? [.greeted] : [.send(GuestFrame(.run(run)).framed), .greeted]
    case (.told, .started(let started)):
      // A guest that says so before it has everything is none of ours.
      guard hasSentInputs else { throw .unexpected("started") }
      try check(started)
      phase = .running
      return [.started]
    case (.running, .output(let output)):
      switch output.stream {
      case .output: self.output.append(output.bytes)
      case .error: errorOutput.append(output.bytes)
      }
      return []
    case (.running, .stream(let frame)):
      do {
        guard let event = try streams?.take(frame) else {
          if streams == nil { throw GuestViolation.unexpected("stream") }
          return []
        }
        return [.stream(event)]
      } catch let violation as StreamViolation {
        throw .malformed("stream: \(violation.what)")
      } catch {
        throw .unexpected("stream")
      }
    case (.running, .done(let done)):
      guard (0...255).contains(done.exitStatus), done.signal < 128, done.failure.utf8.count <= 1_024
      else { throw .malformed("end") }
      output.finish()
      errorOutput.finish()
      phase = .done(done)
      return [.finished(done)]
    case (.awaitingHello, _), (.told, _), (.running, _), (.done, _):
      throw .unexpected(GuestConversation.name(frame.kind))
    }
  }

  /// Ends the outputs of a guest that will not say itself that it is done.
  mutating func close() {
    if case .done = phase { return }
    output.finish()
    errorOutput.finish()
  }

  /// What the outputs were, and looked like.
  var measures: RunMeasures { RunMeasures(of: output, errorOutput) }

  /// Changes the streams, where there are any.
  mutating func withStreams(_ change: (inout GuestStreams) -> Void) {
    if var changed = streams.take() {
      change(&changed)
      streams = changed
    }
  }

  private func check(_ hello: GuestHello) throws(GuestViolation) {
    guard hello.version == GuestHello.currentVersion else { throw .version(hello.version) }
    let isName = { (text: String, limit: Int) in
      (1...limit).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
    guard isName(hello.kernel, 128) else { throw .malformed("kernel version") }
    guard isName(hello.bootID, 64) else { throw .malformed("boot id") }
  }

  private mutating func check(_ started: GuestStarted) throws(GuestViolation) {
    let evidence = GuestEvidence(
      kernel: hello.kernel, challenge: Hex.encode(run.challenge),
      answer: Hex.encode(started.answer), bootID: hello.bootID)
    guard evidence.answers(run.challenge) else { throw .wrongAnswer }
    self.evidence = evidence
  }

  private static func name(_ kind: GuestFrame.Kind?) -> String {
    switch kind {
    case .hello: "hello"
    case .run: "run"
    case .started: "started"
    case .output: "output"
    case .done: "done"
    case .input: "input"
    case .stream: "stream"
    case nil: "nothing"
    }
  }
}

extension RunMeasures {
  /// What a run's outputs were, and looked like.
  init(of output: OutputFilter, _ errorOutput: OutputFilter) {
    self.init()
    self.output = output.measure
    self.errorOutput = errorOutput.measure
    findings = output.findings
    findings.join(errorOutput.findings)
  }
}
