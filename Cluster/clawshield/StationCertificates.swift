import Canonical
import EventLoop
import Host
import Network
import Records

// A node's certificate is replaced while it runs, and peers' and clients' certificates are refused by the ledger's word
// (Decision 028).
extension Station {
  /// Since when certificates of a peer are taken, in seconds since 1970.
  func oldestCertificate(of peer: PeerIdentity) -> Int64? {
    guard let principal = Principal(path: String(peer.path.dropFirst())) else { return nil }
    return node?.oldestCertificate(of: principal).map { $0.nanoseconds / 1_000_000_000 }
  }

  /// Ends the connections whose peers' certificates are refused by now.
  func reviewPeers() {
    peers.review()
    clients.review()
  }

  /// Takes another certificate up as soon as it lies in its file, from now on again and again.
  func lookAtCertificate() {
    guard !isStopping else { return }
    do {
      switch certificates.look(now: wall.nanoseconds / 1_000_000_000) {
      case .nothing: break
      case .restored:
        note(.info, "certificate_restored", [])
        reportHost()
      case .renewed: try renew()
      case .refused(let reason):
        note(.error, "certificate_refused", [("reason", .string(reason))])
        reportHost()
      }
      _ = try loop.schedule(after: CertificateWatch.pause) { [weak self] in self?.lookAtCertificate() }
    } catch {
      fail("\(error)")
    }
  }

  func renew() throws {
    try peers.renew()
    try clients.renew()
    reportHost()
    note(.info, "certificate_renewed", [("fingerprint", .string("\(certificates.own.fingerprint)"))])
  }
}
