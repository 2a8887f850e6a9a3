import OpenExec
import Testing
import Wire

@testable import Simulator

@Suite("Leases as nodes send them")
struct LeaseOfferTests {
  /// A lease of a path of so many bytes a digest.
  private func response(_ lengths: [Int]) -> LeaseResponse {
    LeaseResponse(
      note: "note", challengePath: lengths.map { [UInt8](repeating: 7, count: $0) }, challengeIndex: 1,
      challengeCount: 3, restrictions: [1, 2], bundle: [3, 4], links: ["link"])
  }

  @Test("every field is taken as it came, the digests of the path in order")
  func whole() throws {
    var sent = response([32, 32])
    sent.challengePath[1] = [UInt8](repeating: 8, count: 32)
    let offer = try #require(LeaseOffer(sent))
    #expect(offer.note == "note" && offer.challengeIndex == 1 && offer.challengeCount == 3)
    #expect(offer.challengePath.map(\.bytes) == sent.challengePath)
    #expect(offer.restrictions == [1, 2] && offer.bundle == [3, 4])
  }

  @Test("one digest of another length, and there is no lease", arguments: [0, 31, 33])
  func length(_ length: Int) {
    #expect(LeaseOffer(response([32, length])) == nil)
    #expect(LeaseOffer(response([length, 32])) == nil)
  }

  @Test("a job keeps what came with it, and comes without a lease where that cannot be one")
  func job() {
    var sent = JobOffer(token: "token", proposal: [1], attachment: [2], lease: response([32]))
    let whole = OfferedJob(sent)
    #expect(whole.token == "token" && whole.proposal == [1] && whole.attachment == [2])
    #expect(whole.lease == LeaseOffer(response([32])) && whole.lease != nil)
    sent.lease = response([31])
    #expect(OfferedJob(sent).lease == nil)
    sent.lease = nil
    #expect(OfferedJob(sent).lease == nil)
  }
}
