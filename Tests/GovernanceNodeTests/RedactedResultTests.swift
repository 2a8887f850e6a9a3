import Canonical
import Records
import Testing

@testable import GovernanceNode
@testable import Simulator

/// What agents and approvers get of a result in which something is covered (INV-010).
struct RedactedResultTests {
  private static let secret = "AKIAIOSFODNN7EXAMPLE"

  private func result(_ value: JSON) -> Records.Attachment {
    Records.Attachment("result", .init(salt: [UInt8](repeating: 9, count: 16), value: value))
  }

  @Test("a result without secrets is shown as it was signed")
  func plain() throws {
    let rig = try Rig()
    let whole = result(["text": "hello"])
    #expect(rig.node.shown(whole) == whole.bytes)
    #expect(rig.node.shown(nil).isEmpty)
  }

  @Test("one with a secret comes covered, under another name than what the receipt's hash is of")
  func covered() throws {
    let rig = try Rig()
    let bytes = rig.node.shown(result(["key": .string(Self.secret), "text": "hello"]))
    let shown = try Records.Attachment(parsing: bytes)
    #expect(shown["result"] == nil)
    let value = try #require(shown["redacted"]?.value)
    #expect(value["marks"]?.integer == 1)
    #expect(value["result"]?["key"]?.string == "[redacted: aws-access-key]")
    #expect(value["result"]?["text"]?.string == "hello")
    #expect(!String(decoding: bytes, as: UTF8.self).contains(Self.secret))
  }

  @Test(
    "a file with a secret in it is no agent's to read; an executor that works on it reads it, and an auditor")
  func files() throws {
    let rig = try Rig()
    let file = Array("a \(Self.secret) b".utf8)
    let agent = rig.node.isShown(file, to: Rig.agent)
    let executor = rig.node.isShown(file, to: .executor("x"))
    let auditor = rig.node.isShown(file, to: .auditor("a"))
    let harmless = rig.node.isShown(Array("plain".utf8), to: Rig.agent)
    #expect(!agent && executor && auditor && harmless)
  }
}
