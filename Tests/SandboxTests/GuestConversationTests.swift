import Crypto
import Foundation
import OpenExec
import Records
import Testing
import Wire

@testable import Sandbox

/// What a hostile guest may say, without a machine.
@Suite("Guest conversation")
struct GuestConversationTests {
  let run: GuestRun = {
    var run = GuestRun()
    run.challenge = [UInt8](repeating: 4, count: 32)
    run.arguments = ["/action", "echo"]
    return run
  }()

  let hello = GuestFrame(.hello(GuestHello(kernel: "6.1.0", bootID: "a-b"))).framed

  var started: [UInt8] {
    let statement = GuestStarted.statement(
      challenge: Hex.encode(run.challenge), kernel: "6.1.0", bootID: "a-b")
    return GuestFrame(.started(GuestStarted(answer: SHA256.hash(statement).bytes))).framed
  }

  func output(_ text: String) -> [UInt8] {
    GuestFrame(.output(GuestOutput(.output, Array(text.utf8)))).framed
  }

  func conversation(limit: Int = 1_000) -> GuestConversation {
    GuestConversation(run, outputLimit: limit)
  }

  func violation(_ bytes: [UInt8]...) -> GuestViolation? {
    var conversation = conversation()
    do throws(GuestViolation) {
      for piece in bytes { _ = try conversation.receive(piece) }
      return nil
    } catch {
      return error
    }
  }

  @Test("hello, started, output, done, in whatever pieces they come", arguments: [1, 2, 7, 1_000])
  func whole(piece: Int) throws {
    var done = GuestDone()
    done.exitStatus = 3
    let all = hello + started + output("abc") + GuestFrame(.done(done)).framed + [9, 9, 9]
    var conversation = conversation()
    var steps: [GuestConversation.Step] = []
    for start in stride(from: 0, to: all.count, by: piece) {
      steps += try conversation.receive(Array(all[start..<min(all.count, start + piece)]))
    }
    #expect(steps == [.send(GuestFrame(.run(run)).framed), .greeted, .started, .finished(done)])
    #expect(conversation.output.bytes == Array("abc".utf8))
    #expect(conversation.evidence?.answers(run.challenge) == true)
  }

  @Test("the evidence that the guest's protocol makes is the one that a receipt is judged by")
  func sameStatement() {
    let challenge = [UInt8](0..<32)
    #expect(
      GuestStarted.statement(challenge: Hex.encode(challenge), kernel: "k", bootID: "b")
        == GuestEvidence.statement(challenge: challenge, kernel: "k", bootID: "b"))
  }

  @Test("nothing but the expected frame in its turn")
  func order() {
    #expect(violation(started) == .unexpected("started"))
    #expect(violation(output("x")) == .unexpected("output"))
    #expect(violation(GuestFrame(.done(GuestDone())).framed) == .unexpected("done"))
    #expect(violation(hello, hello) == .unexpected("hello"))
    #expect(violation(hello, GuestFrame(.done(GuestDone())).framed) == .unexpected("done"))
    #expect(violation(hello, started, started) == .unexpected("started"))
    #expect(violation(hello, started, GuestFrame(.run(run)).framed) == .unexpected("run"))
    #expect(violation(GuestFrame().framed) == .unexpected("nothing"))
  }

  @Test("inputs follow in pieces, each when there is room for it; until they are all sent nothing starts")
  func inputs() throws {
    let contents = [[UInt8](repeating: 7, count: GuestInputPiece.maximumCount + 3), [], Array("end".utf8)]
    var run = run
    run.inputs = contents.enumerated().map { number, content in
      GuestInput(
        name: "\(number + 1)-a", size: UInt64(content.count), digest: SHA256.hash(content).bytes)
    }
    var conversation = GuestConversation(run, inputs: contents, outputLimit: 1_000)
    #expect(conversation.nextPiece() == nil)
    #expect(try conversation.receive(hello) == [.send(GuestFrame(.run(run)).framed), .greeted])
    var early = conversation
    #expect(throws: GuestViolation.unexpected("started")) { try early.receive(started) }
    var pieces: [[UInt8]] = []
    while let framed = conversation.nextPiece() {
      guard case .input(let piece)? = try GuestFrame(decoding: framed[5...]).kind else {
        Issue.record("a frame of another kind")
        return
      }
      pieces.append(piece.bytes)
    }
    #expect(pieces == [Array(contents[0].prefix(GuestInputPiece.maximumCount)), [7, 7, 7], contents[2]])
    #expect(try conversation.receive(started) == [.started])
    #expect(conversation.nextPiece() == nil)
    #expect(violation(hello, GuestFrame(.input(GuestInputPiece([1]))).framed) == .unexpected("input"))
  }

  @Test("a forged answer, another version, names that are none")
  func content() {
    let wrong = GuestFrame(.started(GuestStarted(answer: [UInt8](repeating: 0, count: 32)))).framed
    #expect(violation(hello, wrong) == .wrongAnswer)
    let later = GuestHello(version: 4, kernel: "k", bootID: "b")
    #expect(violation(GuestFrame(.hello(later)).framed) == .version(4))
    for kernel in ["", "a\nb", "a b", String(repeating: "k", count: 129)] {
      let hello = GuestFrame(.hello(GuestHello(kernel: kernel, bootID: "b"))).framed
      #expect(violation(hello) == .malformed("kernel version"))
    }
  }

  @Test("an end has a status of one byte, a signal that there is, and a reason of bounded length")
  func ends() {
    func violation(_ status: Int32 = 0, signal: UInt32 = 0, failure: Int = 0) -> GuestViolation? {
      var done = GuestDone()
      (done.exitStatus, done.signal) = (status, signal)
      done.failure = String(repeating: "f", count: failure)
      return self.violation(hello, started, GuestFrame(.done(done)).framed)
    }
    #expect(violation(255) == nil && violation(256) == .malformed("end"))
    #expect(violation(-1) == .malformed("end"))
    #expect(violation(signal: 127) == nil && violation(signal: 128) == .malformed("end"))
    #expect(violation(failure: 1_024) == nil && violation(failure: 1_025) == .malformed("end"))
  }

  @Test("oversized, compressed and malformed frames, before anything is held for them")
  func framing() {
    #expect(
      violation([0, 0xFF, 0xFF, 0xFF, 0xFF])
        == .framing(.oversized(count: 0xFFFF_FFFF, limit: GuestFrame.guestLimit)))
    #expect(violation([1]) == .framing(.compressed))
    #expect(violation([7]) == .framing(.unknownFlag(7)))
    guard case .message? = violation([0, 0, 0, 0, 1, 0xFF]) else {
      Issue.record("a truncated message was taken")
      return
    }
    let large = GuestOutput(.output, [UInt8](repeating: 0, count: GuestFrame.maximumOutputCount + 1))
    guard case .message? = violation(hello, started, GuestFrame(.output(large)).framed) else {
      Issue.record("too much output was taken")
      return
    }
  }

  @Test("noise never traps, and finishes no run that has not proven itself")
  func noise() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<2_000 {
      var bytes = hello + started + output("abc") + GuestFrame(.done(GuestDone())).framed
      for _ in 0..<3 {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] ^= UInt8.random(in: 1...255)
      }
      var conversation = conversation()
      _ = try? conversation.receive(bytes)
      if case .done = conversation.phase { #expect(conversation.evidence != nil) }
    }
  }

  @Test("streams exist only for a run with a proxy, and only by their rules")
  func streams() throws {
    let open = GuestFrame(.stream(GuestStream(1, .open))).framed
    let data = GuestFrame(.stream(GuestStream(1, .data, bytes: [1, 2, 3]))).framed
    #expect(violation(hello, started, open) == .unexpected("stream"))
    var granted = run
    granted.hasProxy = true
    func steps(_ bytes: [UInt8]...) throws -> [GuestConversation.Step] {
      var conversation = GuestConversation(granted, outputLimit: 100)
      return try bytes.flatMap { try conversation.receive($0) }
    }
    let told = try steps(hello, started, open, data)
    #expect(told.suffix(2) == [.stream(.opened(1)), .stream(.data(1, [1, 2, 3]))])
    for frames in [
      [data], [open, open], [open, GuestFrame(.stream(GuestStream(1, .credit, credit: 9))).framed],
    ] {
      #expect(throws: GuestViolation.self) {
        var conversation = GuestConversation(granted, outputLimit: 100)
        for bytes in [hello, started] + frames { _ = try conversation.receive(bytes) }
      }
    }
    // Before it has proven itself a guest has no streams either.
    #expect(throws: GuestViolation.unexpected("stream")) { try steps(hello, open) }
  }

  @Test("a run's secrets are taken out of its output before anything is kept, also where the output is cut")
  func redaction() throws {
    var knowing = run
    knowing.secrets = [GuestSecret(name: "token", value: Array("tok-3n:S3cret".utf8))]
    var conversation = GuestConversation(knowing, outputLimit: 40)
    var done = GuestDone()
    done.exitStatus = 0
    for bytes in [hello, started, output("aaaaaaaaaaaaaaatok-3n"), output(":S3cretbbbbbbbbbbbb tok-3n:S3")] {
      _ = try conversation.receive(bytes)
    }
    _ = try conversation.receive(output("cret end") + GuestFrame(.done(done)).framed)
    let text = String(decoding: conversation.output.bytes, as: UTF8.self)
    #expect(!text.contains("S3c") && !text.contains("tok-3n") && conversation.output.isCut)
    #expect(conversation.output.measure.redactions == 2 && conversation.output.measure.writtenBytes == 58)
  }
}

@Suite("Output collector")
struct OutputCollectorTests {
  @Test("all of it up to the limit; beyond, head and tail with the cut marked", arguments: [1, 3, 64])
  func cut(piece: Int) {
    for count in [0, 1, 9, 10, 11, 12, 25, 1_000] {
      let all = (0..<count).map { UInt8(0x61 + $0 % 26) }
      var collector = OutputCollector(limit: 10)
      for start in stride(from: 0, to: count, by: piece) {
        collector.append(Array(all[start..<min(count, start + piece)]))
      }
      #expect(collector.count == count && collector.isCut == (count > 10))
      let expected =
        count <= 10
        ? all
        : all.prefix(5) + Array("\n[openexec: \(count - 10) bytes cut here]\n".utf8) + all.suffix(5)
      #expect(collector.bytes == Array(expected))
    }
  }

  @Test("an odd limit, and a limit of one")
  func odd() {
    for limit in [1, 7] {
      var collector = OutputCollector(limit: limit)
      collector.append(Array("0123456789".utf8))
      let text = String(decoding: collector.bytes, as: UTF8.self)
      #expect(text.hasPrefix("0") && text.contains("\(10 - limit) bytes cut"))
    }
  }
}

@Suite(
  "guest.proto",
  .enabled(
    if: FileManager.default.isExecutableFile(atPath: "/usr/bin/protoc"), "protoc is not installed"))
struct GuestProtocolTests {
  @Test("protoc reads what the code writes, and the other way round")
  func agrees() throws {
    var run = GuestRun()
    run.challenge = [UInt8](repeating: 1, count: 32)
    run.arguments = ["/action", "add"]
    run.parameters = Array("{}".utf8)
    run.memoryBytes = 1 << 26
    run.processes = 16
    run.diskBytes = 1 << 23
    run.inputs = [GuestInput(name: "1-ab", size: 3, digest: [UInt8](repeating: 9, count: 32))]
    run.secrets = [GuestSecret(name: "token", value: [1, 2, 3])]
    run.hasProxy = true
    var done = GuestDone()
    done.exitStatus = 7
    done.signal = 9
    done.failure = "no"
    done.processorNanoseconds = 1 << 40
    done.residentBytes = 5
    let frames: [GuestFrame] = [
      GuestFrame(.hello(GuestHello(kernel: "6.1", bootID: "b"))), GuestFrame(.run(run)),
      GuestFrame(.started(GuestStarted(answer: [UInt8](repeating: 2, count: 32)))),
      GuestFrame(.output(GuestOutput(.error, [1, 2, 3]))), GuestFrame(.done(done)),
      GuestFrame(.input(GuestInputPiece([1, 2, 3]))), GuestFrame(.stream(GuestStream(1, .open))),
      GuestFrame(.stream(GuestStream(7, .data, bytes: [1, 2, 3]))),
      GuestFrame(.stream(GuestStream(7, .credit, credit: 9))),
    ]
    for frame in frames {
      let text = try protoc("--decode", frame.encode())
      #expect(try protoc("--encode", text) == frame.encode())
      #expect(try GuestFrame(decoding: frame.encode()) == frame)
    }
  }

  private func protoc(_ mode: String, _ input: [UInt8]) throws -> [UInt8] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/protoc")
    let folder = Bench.repository.appendingPathComponent("Docs/Protocol").path
    process.arguments = ["-I\(folder)", "\(mode)=openexec.v1.GuestFrame", "guest.proto"]
    let (stdin, stdout) = (Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    try process.run()
    try stdin.fileHandleForWriting.write(contentsOf: Data(input))
    try stdin.fileHandleForWriting.close()
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return Array(output)
  }
}
