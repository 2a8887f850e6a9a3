/// The nonce commitments that a coordinator holds ready, of every party.
///
/// Each is handed out once. A party's counters must ascend within a boot and a boot that was left does
/// not come back, so a commitment that was used can never be offered again, by mistake or by design.
public struct CommitmentBook<Suite: CipherSuite>: Equatable, Sendable {
  private struct Page: Equatable, Sendable {
    let party: Identifier
    var boot: UInt64?
    /// The lowest counter that may come next.
    var nextCounter: UInt64 = 0
    /// Boots that were left, oldest first; bounded.
    var formerBoots: [UInt64] = []
    /// Ascending by counter; bounded by `FROSTLimits.nonces`.
    var unused: [NonceCommitment<Suite>] = []

    /// A restart: the old boot's nonces died with it.
    mutating func enter(boot: UInt64) throws(FROSTError) {
      guard !formerBoots.contains(boot) else { throw .culprit(party, .repeatedCommitment) }
      if let left = self.boot {
        formerBoots.append(left)
        if formerBoots.count > CommitmentBook.bootsRemembered { formerBoots.removeFirst() }
      }
      self.boot = boot
      nextCounter = 0
      unused.removeAll()
    }
  }

  /// The most former boots remembered of a party. One that restarts more often within a coordinator's
  /// term endangers nobody but itself by going back.
  private static var bootsRemembered: Int { 64 }

  private var pages: [Page]

  /// An empty book for these parties.
  public init(parties: [Identifier]) { pages = parties.sorted().map { Page(party: $0) } }

  /// Commitments ready for `party`.
  public func available(of party: Identifier) -> Int {
    pages.first { $0.party == party }?.unused.count ?? 0
  }

  /// Adds what `sender` published. Entries beyond `FROSTLimits.nonces` are left out.
  ///
  /// Throws a culprit, and adds nothing of the batch, where the sender speaks for another party, or
  /// offers a counter, boot or element it has offered before.
  public mutating func add(
    _ commitments: [NonceCommitment<Suite>], from sender: Identifier
  ) throws(FROSTError) {
    guard let index = pages.firstIndex(where: { $0.party == sender }) else {
      throw .unknownParty(sender)
    }
    var page = pages[index]
    for commitment in commitments {
      guard commitment.party == sender else { throw .culprit(sender, .commitmentMismatch) }
      if page.boot != commitment.nonce.boot { try page.enter(boot: commitment.nonce.boot) }
      guard commitment.nonce.counter >= page.nextCounter,
        commitment.nonce.counter < UInt64.max,
        !page.unused.contains(where: {
          $0.hiding == commitment.hiding || $0.binding == commitment.binding
        })
      else { throw .culprit(sender, .repeatedCommitment) }
      page.nextCounter = commitment.nonce.counter + 1
      if page.unused.count < FROSTLimits.nonces { page.unused.append(commitment) }
    }
    pages[index] = page
  }

  /// Takes the oldest unused commitment of `party` out; nil where there is none.
  public mutating func take(from party: Identifier) -> NonceCommitment<Suite>? {
    guard let index = pages.firstIndex(where: { $0.party == party }),
      !pages[index].unused.isEmpty
    else { return nil }
    return pages[index].unused.removeFirst()
  }

  /// Forgets the unused commitments of `party`, as when it says that it has restarted. What was seen
  /// stays seen.
  public mutating func drop(_ party: Identifier) {
    guard let index = pages.firstIndex(where: { $0.party == party }) else { return }
    pages[index].unused.removeAll()
  }
}
