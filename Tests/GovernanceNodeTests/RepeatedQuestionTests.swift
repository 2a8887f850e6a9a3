import FROST
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A question for a share that comes once more, since it or its answer may have been lost.
struct RepeatedQuestionTests {
  /// The last question that a party who follows has answered, and the answer.
  private struct Asked {
    let world: World
    let party: NodeHost
    let leader: NodeID
    let call: SignCall
    let answer: SignAnswer
  }

  private func asked() throws -> Asked {
    let world = try World(seed: 5, nodes: 5, threshold: 4, faults: .none)
    world.run(until: 2_000_000_000)
    let leader = try #require(world.hosts.first { $0.view?.role == .leader })
    var calls: [NodeID: SignCall] = [:]
    var last: (party: NodeID, call: SignCall, answer: SignAnswer)?
    world.isIgnored = { receiver, message in
      if let call = message.signCall, receiver != leader.id { calls[receiver] = call }
      if let answer = message.signAnswer, answer.share.count > 2,
        let party = NodeID(rawValue: UInt64(answer.share[1])),
        let call = calls[party], call.round == answer.round, call.session == answer.session
      {
        last = (party, call, answer)
      }
      return false
    }
    world.run(until: world.time + 5_000_000_000)
    let known = try #require(last)
    let party = try #require(world.hosts.first { $0.id == known.party })
    return Asked(world: world, party: party, leader: leader.id, call: known.call, answer: known.answer)
  }

  /// What the party answers to a question that comes now.
  private func answer(_ asked: Asked, _ call: SignCall) -> [SignAnswer] {
    var effects = NodeEffects()
    asked.party.step(
      .peer(from: asked.leader, PeerMessage.signCall(call)), at: asked.world.time, into: &effects)
    return effects.messages.compactMap { $0.message.signAnswer }
  }

  @Test("the same question gets the same share, however often it comes")
  func same() throws {
    let asked = try asked()
    let available = asked.party.node?.signer.pool.available
    #expect(answer(asked, asked.call) == [asked.answer])
    #expect(answer(asked, asked.call) == [asked.answer])
    // What comes along for another time, such as a proof of a restriction, makes no other question of it.
    var later = asked.call
    later.proofs = []
    #expect(answer(asked, later) == [asked.answer])
    let left = asked.party.node?.signer.pool.available
    #expect(left == available, "no nonce went into it")
  }

  @Test("another message, other commitments or another session under its numbers get no share")
  func other() throws {
    let asked = try asked()
    var message = asked.call
    var note = try #require(try? CheckpointNote(parsing: String(decoding: asked.call.text, as: UTF8.self)))
    note.time = note.time.advanced(by: .seconds(1))
    message.text = Array(note.text.utf8)
    var commitments = asked.call
    commitments.commitments.reverse()
    var session = asked.call
    session.session += 1
    for call in [message, commitments, session] {
      let answers = answer(asked, call)
      #expect(answers.count == 1 && answers.allSatisfy { $0.share.isEmpty && !$0.declined.isEmpty })
    }
    #expect(answer(asked, asked.call) == [asked.answer], "and it is none the worse for it")
  }

  @Test("a share that waits for its lock is given once")
  func held() throws {
    let asked = try asked()
    var fresh: SignCall?
    asked.world.isIgnored = { receiver, message in
      guard let call = message.signCall, receiver == asked.party.id else { return false }
      fresh = call
      return true
    }
    while fresh == nil, asked.world.time < 60_000_000_000 {
      asked.world.run(until: asked.world.time + 1_000_000)
    }
    let call = try #require(fresh)
    #expect(answer(asked, call).isEmpty, "the lock is not durable")
    #expect(answer(asked, call).isEmpty, "nor is it then, and the nonces are not said to be spent")
    var effects = NodeEffects()
    asked.party.step(.locked(ticket: .max), at: asked.world.time, into: &effects)
    let shares = effects.messages.compactMap { $0.message.signAnswer }
    #expect(shares.count == 1 && shares.allSatisfy { !$0.share.isEmpty })
    #expect(answer(asked, call) == shares)
  }

  @Test("what forbids it since then is looked at again: who has acknowledged a kill gives that share no more")
  func bound() throws {
    let asked = try asked()
    let text = String(decoding: asked.call.text, as: UTF8.self)
    let note = try #require(try? CheckpointNote(parsing: text))
    try #require(note.lease != nil)
    let operators = asked.world.operators.first
    let wall = try #require(asked.party.node?.now.wall)
    let reason = Records.Attachment.Item(salt: [UInt8](repeating: 1, count: 16), value: "a bad day")
    let act = IncidentAct(
      incidentID: "kill-of-this-test", kind: .kill, target: .all, severity: 1, reasonHash: reason.hash,
      signedAt: wall,
      validUntil: wall.advanced(by: .seconds(600)))
    let signed = Signed.sign(act, cluster: operators.cluster, as: operators.principal, with: operators.key)
    var effects = NodeEffects()
    let isBound = asked.party.node?.bind(
      statement: Statements.bytes(.incident(signed)), attachment: Records.Attachment("reason", reason).bytes,
      into: &effects)
    try #require(isBound == true)
    let answers = answer(asked, asked.call)
    #expect(
      answers.count == 1
        && answers.allSatisfy { $0.share.isEmpty && !$0.declined.isEmpty && $0.declined != "spent" })
  }
}
