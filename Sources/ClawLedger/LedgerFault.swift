/// What ends a process: the store cannot be read, or what it holds is not what was written.
public enum LedgerFault: Error, Equatable, Sendable, CustomStringConvertible {
  case store(StoreFailure)
  case framing(EntryError)
  /// A gap, a missing tree node, or a state that is not of its note.
  case inconsistent(String)

  public var description: String {
    switch self {
    case .store(let failure): failure.description
    case .framing(let error): error.description
    case .inconsistent(let what): "ledger: \(what)"
    }
  }
}
