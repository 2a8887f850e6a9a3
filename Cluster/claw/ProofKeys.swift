import Merkle
import Records

/// Whom proofs are checked against: the keys that a command was given, or those that a session keeps up with.
protocol ProofKeys {
  /// Runs a check of what a node showed, with the keys that are known.
  ///
  /// - Throws: what `check` throws, or that the cluster's id is not known.
  func proven<T>(_ check: (ClusterKey) throws -> T) throws -> T
}

extension ClusterKey: ProofKeys {
  func proven<T>(_ check: (ClusterKey) throws -> T) throws -> T { try check(self) }
}

extension Session: ProofKeys {
  /// A key may change while a command runs, and one that waits for people runs for days. What no known key has signed is
  /// checked once more where all the nodes together show a key that is new, certified by the one before; where none does, it
  /// is what it seemed.
  func proven<T>(_ check: (ClusterKey) throws -> T) throws -> T {
    let key = try cluster()
    do {
      return try check(key)
    } catch {
      guard Self.isUnsigned(error) else { throw error }
      hasFollowed = false
      let newer = try cluster(fromAll: true)
      guard newer != key else { throw error }
      return try check(newer)
    }
  }

  private static func isUnsigned(_ error: any Error) -> Bool {
    switch error {
    case NoteError.unsigned, LedgerProofError.note(.unsigned): true
    default: false
    }
  }
}
