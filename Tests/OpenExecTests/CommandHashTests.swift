import Canonical
import Crypto
import Records
import Testing

@testable import OpenExec

/// RT-8: what the log calls a command is image and argument vector, and nothing that the agent said.
struct CommandHashTests {
  private func order(
    image: String = "sha256:00", arguments: [String] = ["/action", "--now"], parameters: String = "{}",
    challenge: UInt8 = 1
  ) throws -> RunOrder {
    let limits = try #require(World.bundle().action("add")).limits
    return RunOrder(
      id: RunID(token: "t", attempt: 1), isolationClass: .microvmTCG, imageDigest: image,
      arguments: arguments,
      parameters: Array(parameters.utf8), limits: limits,
      challenge: [UInt8](repeating: challenge, count: 32))
  }

  @Test("it is the hash of these bytes, whatever the parameters and the run are")
  func bytes() throws {
    let expected = SHA256.hash(#"{"arguments":["/action","--now"],"image":"sha256:00"}"#)
    #expect(try order().commandHash == expected)
    #expect(try order(parameters: #"{"text":"secret"}"#, challenge: 9).commandHash == expected)
  }

  @Test("another image, another argument and another boundary between arguments are other commands")
  func others() throws {
    let all = [
      try order(), try order(image: "sha256:01"), try order(arguments: ["/action", "--later"]),
      try order(arguments: ["/action"]), try order(arguments: ["/action --now"]),
      try order(arguments: ["--now", "/action"]),
    ].map(\.commandHash)
    #expect(Set(all).count == all.count)
  }
}
