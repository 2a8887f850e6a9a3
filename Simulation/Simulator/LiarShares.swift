import ClawLedger
import Crypto
import Records
import Wire

// What a liar says where parties sign together.
extension Liar {
  /// Another share, or none.
  mutating func spoilShare(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard var answer = message.signAnswer, !answer.share.isEmpty else { return }
    oracles.count(fault: "lie: garbage share")
    switch randoms[.garbageShares].below(3) {
    case 0: answer.share = randoms[.garbageShares].bytes(answer.share.count)
    // After the party's two bytes: another scalar.
    case 1: answer.share[2] ^= 1
    default: answer.share = []
    }
    message = .signAnswer(answer)
  }

  /// Its share becomes a refusal of many leaves, signed as an honest party signs one.
  mutating func decline(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard var answer = message.signAnswer, !answer.share.isEmpty else { return }
    oracles.count(fault: "lie: decline")
    answer.share = []
    answer.declined = ["consent", "lease", "other", "spent"][Int(randoms[.declineAll].below(4))]
    answer.except = (0..<64).map { $0 + randoms[.declineAll].below(512) }
    answer.signature = []
    answer.signature =
      partyKey.key.sign(
        Array("openexec/v1/decline\n\(cluster.hex)\n".utf8) + answer.encode()
      ).bytes
    message = .signAnswer(answer)
  }

  /// The same question about a note a little later, under another name.
  static func askedAgain(_ call: SignCall) -> PeerMessage {
    var again = call
    again.session += 1
    if var note = try? CheckpointNote(parsing: String(decoding: call.text, as: UTF8.self)) {
      note.time = note.time.advanced(by: .milliseconds(1))
      again.text = Array(note.text.utf8)
    }
    return PeerMessage.signCall(again)
  }
}
