import ClawShield
import Crypto
import Records
import Testing
import Wire

@testable import GovernanceNode

/// What came beside a note is taken up where the note's lease line, which is signed, commits to it: the root over challenges
/// is not worked out again for the same ones, and what is known is never taken for others.
struct LeaseAcceptanceTests {
  private let restrictions = RestrictionList([]).json.canonicalBytes()

  private func shown(_ challenges: [UInt8], note: String = "a note", restrictions: [UInt8]? = nil)
    -> NoteShown
  {
    NoteShown(
      note: note,
      challenges: challenges.map { number in
        ChallengeNote(
          executor: "executor/e\(number)", incarnation: 1, challenge: [UInt8](repeating: number, count: 16),
          compliant: true, shortcomings: [])
      },
      restrictions: restrictions ?? self.restrictions)
  }

  private func line(of shown: NoteShown) -> LeaseLine {
    LeaseLine(
      policyBundleHash: SHA256.hash("bundle"), mode: .running, seconds: LeaseLine.standardSeconds,
      challengeRoot: Challenge.root(shown.leasedChallenges), restrictionsHash: SHA256.hash(shown.restrictions)
    )
  }

  @Test("challenges are the same byte by byte: what Unicode holds to be equal is another executor")
  func bytes() {
    var finality = Finality(size: 1, note: nil)
    var first = shown([1, 2])
    first.challenges[0].executor = "executor/K1"
    var other = first
    // KELVIN SIGN, canonically equivalent to K.
    other.challenges[0].executor = "executor/\u{212A}1"
    #expect(first.challenges[0].executor == other.challenges[0].executor)
    finality.acceptLease(line(of: first), first)
    finality.acceptLease(line(of: first), other)
    #expect(finality.lease?.challenges[0].executor.utf8.count == first.challenges[0].executor.utf8.count)
  }

  @Test("a lease is what its line commits to, before and after the same challenges were seen")
  func commitments() {
    var finality = Finality(size: 1, note: nil)
    let first = shown([1, 2])
    let other = shown([2, 1], note: "another order")
    // Nothing is known yet.
    finality.acceptLease(line(of: other), first)
    #expect(finality.lease == nil)
    finality.acceptLease(line(of: first), first)
    #expect(finality.lease == first)
    // The same challenges once more: with their own line, and with that of others.
    let again = shown([1, 2], note: "the next note")
    finality.acceptLease(line(of: other), again)
    #expect(finality.lease == first)
    finality.acceptLease(line(of: again), again)
    #expect(finality.lease == again)
    // Other challenges under the line of those that are known.
    finality.acceptLease(line(of: again), other)
    finality.acceptLease(line(of: again), shown([1]))
    finality.acceptLease(line(of: again), shown([]))
    #expect(finality.lease == again)
    // Other restrictions than the line names.
    finality.acceptLease(line(of: again), shown([1, 2], restrictions: [1]))
    #expect(finality.lease == again)
    finality.acceptLease(line(of: other), other)
    #expect(finality.lease == other)
    finality.acceptLease(line(of: again), other)
    #expect(finality.lease == other)
    finality.acceptLease(line(of: again), again)
    #expect(finality.lease == again)
  }
}
