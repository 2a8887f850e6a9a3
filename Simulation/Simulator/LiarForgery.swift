import Canonical
import Crypto
import GovernanceNode
import Records
import Wire

// What others have signed, changed on its way; and what nobody has signed.
extension Liar {
  mutating func forge(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard randoms[.forge].chance(100_000) else { return }
    if var call = message.forwardCall {
      Self.spoil(&call.statement, using: &randoms[.forge])
      message = .forwardCall(call)
    } else if var answer = message.forwardAnswer {
      answer.index = randoms[.forge].below(answer.index + 16)
      message = .forwardAnswer(answer)
    } else if var shown = message.note {
      var bytes = Array(shown.note.utf8)
      Self.spoil(&bytes, using: &randoms[.forge])
      shown.note = String(decoding: bytes, as: UTF8.self)
      message = .note(shown)
    } else if var shown = message.restriction {
      Self.spoil(&shown.statement, using: &randoms[.forge])
      message = .restriction(shown)
    } else if var call = message.signCall {
      switch randoms[.forge].below(3) {
      case 0: Self.spoil(&call.text, using: &randoms[.forge])
      case 1: call.restrictions = Array("[]".utf8)
      default: call.commitments.reverse()
      }
      message = .signCall(call)
    } else if var challenge = message.challenge {
      challenge.challenge = randoms[.forge].bytes(32)
      message = .challenge(challenge)
    } else if message.noteWanted != nil {
      message = .noteWanted(NoteWanted(size: 0, leaves: [randoms[.forge].below(64), .max]))
    } else {
      return
    }
    oracles.count(fault: "lie: forgery")
  }

  /// A proposal in an agent's name, signed with the one key that it has.
  mutating func invention() -> PeerMessage {
    let number = randoms[.invent].next()
    let agent = victim.principal
    let item = Attachment.Item(
      salt: randoms[.invent].bytes(16), value: .object([("text", "nobody asked for this")]))
    let content = Proposal(
      traceID: "invented-\(number)", requestID: "invented-\(number)", tenantID: victim.tenantID,
      workspaceID: "main",
      requestedBy: agent, action: "echo", parametersHash: item.hash, scopes: ["text"],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .internal, impactLevel: .low),
      validUntil: (Timestamp(nanoseconds: simulatedEpoch) ?? .epoch).advanced(by: .seconds(7200)))
    // It names the agent's key, and has its own alone.
    let bytes = Statement.bytes(.proposal, cluster: cluster, content: content.json)
    let line = StatementSignature(by: agent, key: victim.key, signature: partyKey.key.sign(bytes))
    let signed = Signed(content: content, signatures: [line])
    // What an honest node takes for the agent's, if it looks at the name alone.
    return .forwardCall(
      ForwardCall(
        id: number, type: RecordType.proposal.rawValue, statement: statementBytes(signed),
        attachment: Attachment("parameters", item).bytes))
  }

  /// One digit or letter becomes another.
  static func spoil(_ bytes: inout [UInt8], using random: inout SeededRandom) {
    guard !bytes.isEmpty else { return }
    let position = Int(random.below(UInt64(bytes.count)))
    bytes[position] = bytes[position] == UInt8(ascii: "7") ? UInt8(ascii: "8") : UInt8(ascii: "7")
  }
}
