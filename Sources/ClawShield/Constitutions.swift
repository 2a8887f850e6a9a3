import Canonical
import Records

/// A constitution that was in force: its version says the same for good, so that a decision's `constitution_version` names
/// one text (POL-9). There are as many as two operators have amended away.
public struct ConstitutionCell: Equatable, Sendable, JSONWritable {
  let constitution: Constitution
  /// The amendment that took its place, the last one where it has come back since.
  let leaf: LeafIndex

  init(constitution: Constitution, leaf: LeafIndex) {
    self.constitution = constitution
    self.leaf = leaf
  }

  init(from fields: inout Fields) throws(RecordError) {
    let version = try fields.identifier("version")
    constitution = Constitution(version: version, deprecated: try fields.identifiers("deprecated"))
    leaf = try fields.leafIndex("leaf")
  }

  public var members: [(String, JSON)] {
    [
      ("version", .string(constitution.version)), ("deprecated", .texts(constitution.deprecated)),
      ("leaf", .index(leaf)),
    ]
  }
}

extension ShieldState {
  /// A bundle comes into force under the constitution in force; another one comes with the bundle that is issued under
  /// it, by an act that says so, and with it every bundle of the one before can no longer (POL-9). One that was in force
  /// may come back (IR-7), as it was. One that is only asked may be of the next already.
  func requireConstitution(_ constitution: Constitution, _ mode: PolicyMode) throws(Refusal) {
    let current = compiled.bundle.constitution
    switch mode {
    case .activate:
      guard constitution == current else {
        throw Refusal(
          .failedPrecondition,
          "the bundle is issued under constitution \(constitution.words); in force is \(current.words): issue it under that, "
            + "or amend (claw policy amend)")
      }
    case .amend:
      guard constitution.version != current.version else {
        throw Refusal(
          .failedPrecondition,
          constitution == current
            ? "constitution \(current.version) is in force already: activate the bundle"
            : "constitution \(current.version) is in force with other contents: another has another version")
      }
      if let known = formerConstitution(constitution.version), known.constitution != constitution {
        throw Refusal(
          .failedPrecondition,
          "until leaf \(known.leaf.value) constitution \(known.constitution.words) was in force, now it is "
            + "\(constitution.words): another has another version")
      }
    case .shadow, .unshadow: break
    }
  }
}
