import Wire

/// What an executor says of itself: whether all that its requirements ask of a runtime is on (HF-9). It is for
/// people: nothing is decided by it, and a node can only repeat what it was told.
struct DeclaredReadiness: Equatable, Sendable {
  let isCompliant: Bool
  /// What is off, and why.
  let shortcomings: [String]

  static var maximumShortcomings: Int { 32 }
  /// Bytes of each.
  static var maximumBytes: Int { 256 }

  /// Whoever says nothing is not compliant.
  static var silent: DeclaredReadiness {
    DeclaredReadiness(isCompliant: false, shortcomings: ["readiness: not declared"])
  }

  private init(isCompliant: Bool, shortcomings: [String]) {
    self.isCompliant = isCompliant
    self.shortcomings = shortcomings
  }

  /// Nil for what is too long, or could reach a terminal as commands.
  init?(compliant: Bool, shortcomings: [String]) {
    guard shortcomings.count <= Self.maximumShortcomings,
      shortcomings.allSatisfy({ text in
        !text.isEmpty && text.utf8.count <= Self.maximumBytes
          && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) }
      })
    else { return nil }
    guard compliant || !shortcomings.isEmpty else {
      self = .silent
      return
    }
    // Who names what is off is not compliant, whatever else it says.
    self.init(isCompliant: compliant && shortcomings.isEmpty, shortcomings: shortcomings)
  }
}
