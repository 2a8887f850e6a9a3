import Foundation
import Network
import Testing
import Wire

/// A peer that does TLS properly, by `openssl s_client`, and sends whatever bytes the test wants.
final class RawPeer {
  private let process: Process
  private let input = Pipe()
  private let output = Pipe()
  private let received = Box<[UInt8]>([])
  private let ended = Flag()

  init(_ caller: Caller, to port: Int) throws {
    process = Programs.process(
      "/usr/bin/openssl",
      [
        "s_client", "-connect", "127.0.0.1:\(port)", "-cert", caller.certificate, "-key",
        caller.certificateKey, "-CAfile", caller.authorities[0], "-quiet", "-verify_quiet", "-nocommands",
      ])
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    // The node may close while we still write: that is no reason for the tests to end.
    signal(SIGPIPE, SIG_IGN)
    try process.run()
    let (received, ended, descriptor) = (received, ended, output.fileHandleForReading.fileDescriptor)
    let copy = dup(descriptor)
    Thread {
      var bytes = [UInt8](repeating: 0, count: 65_536)
      while true {
        let got = read(copy, &bytes, bytes.count)
        guard got > 0 else { break }
        received.with { $0 += bytes[..<got] }
      }
      close(copy)
      ended.set()
    }.start()
  }

  deinit {
    // A test's thread may have SIGTERM blocked, and a child inherits that.
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    process.waitUntilExit()
  }

  /// Sends bytes; what the node no longer takes is lost.
  func send(_ bytes: [UInt8]) { try? input.fileHandleForWriting.write(contentsOf: Data(bytes)) }

  func send(_ frame: Frame) throws {
    var bytes: [UInt8] = []
    try #require(FrameLayout.append(frame, to: &bytes))
    send(bytes)
  }

  /// The node has closed the connection.
  var hasEnded: Bool { ended.isSet }

  /// What has come so far.
  var frames: [Frame] {
    var decoder = FrameDecoder()
    decoder.append(received.with { $0 })
    var frames: [Frame] = []
    while let content = try? decoder.next(), let frame = try? Frame(decoding: content) {
      frames.append(frame)
    }
    return frames
  }

  /// The answer to a call, or the node's last word on the connection.
  func status(of call: CallID) -> CallStatus? {
    for frame in frames where frame.call == call {
      if case .response(let response) = frame.kind { return response.status }
    }
    return nil
  }
}
