import OpenExec
import Wire

extension LeaseOffer {
  /// What a node sent; nil where it cannot be one. The links that come with it are the caller's to take.
  init?(_ response: LeaseResponse) {
    self.init(
      note: response.note, challengePath: response.challengePath, challengeIndex: response.challengeIndex,
      challengeCount: response.challengeCount, restrictions: response.restrictions, bundle: response.bundle)
  }
}

extension OfferedJob {
  /// What a node sent; without a lease where that cannot be one.
  init(_ offer: JobOffer) {
    self.init(
      token: offer.token, proposal: offer.proposal, attachment: offer.attachment,
      lease: offer.lease.flatMap { LeaseOffer($0) })
  }
}
