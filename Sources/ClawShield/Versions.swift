import Crypto
import Records

// The semantics in force (`Semantics`). A `version` act names newer ones and applies from the next leaf on; it is
// judged, like every record, by those that were in force before it.
extension ShieldState {
  /// Two distinct people, also while everything is halted: what is put right may need new rules. That every
  /// member's program can apply them is for the leader to see, since no state tells.
  func admit(_ signed: Signed<VersionAct>, at time: Timestamp) throws(Refusal) -> Admittance {
    let act = signed.content
    try requireOperators(2, of: signed, at: time)
    if let leaf = try knownAct(.version, act.actID, signed.contentHash) { return .known(leaf) }
    try requireValidity(act.validUntil, at: time)
    guard act.semantics > semantics else {
      throw Refusal(
        .failedPrecondition,
        "semantics \(semantics) are in force, and they never go back; found \(act.semantics)")
    }
    return .accept
  }

  mutating func take(_ signed: Signed<VersionAct>, at index: LeafIndex) {
    let act = signed.content
    setVersion(VersionCell(semantics: act.semantics, leaf: index))
    addAct(
      ActCell(
        type: .version, actID: act.actID, contentHash: signed.contentHash, leaf: index,
        validUntil: act.validUntil))
  }
}
