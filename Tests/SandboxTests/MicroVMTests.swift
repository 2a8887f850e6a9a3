import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// Real machines under emulation, a few seconds each, one after the other.
@Suite(
  "Real machines", .serialized, .enabled(if: Bench.obstacle == nil, "\(Bench.obstacle ?? "")"))
struct MicroVMTests {
  @Test("echo and add run, and what they prove of their machine is true")
  func builtInActions() throws {
    let rig = try Rig()
    let echo = rig.order(["/action", "echo"], parameters: #"{"text":"Grüße"}"#)
    let outcome = try rig.carryOut(echo)
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
    #expect(String(decoding: outcome.output, as: UTF8.self) == "{\"text\":\"Grüße\"}\n")
    #expect(outcome.guest?.answers(echo.challenge) == true)
    let add = rig.order(["/action", "add"], parameters: #"{"a":"9007199254740993","b":1}"#)
    let sum = try rig.carryOut(add)
    #expect(String(decoding: sum.output, as: UTF8.self) == "{\"sum\":\"9007199254740994\"}\n")
    #expect(sum.guest?.answers(add.challenge) == true)
    // Two machines, not one that served twice.
    #expect(sum.guest?.bootID != outcome.guest?.bootID)
    #expect(sum.guest?.answers(echo.challenge) == false)
    try rig.expectNothingLeft()
  }
}
