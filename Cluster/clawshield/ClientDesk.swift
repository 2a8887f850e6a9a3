import Canonical
import EventLoop
import GovernanceNode
import Host
import Network
import Records
import Wire

/// The callers of this node: the listener that they come to, and every call that is not over. Confined to the station's
/// loop.
final class ClientDesk {
  private unowned let station: Station
  private var server: CallServer?
  private var trust: TrustPolicy?
  /// Invariant: the calls that the node has been told of and that neither side has ended.
  private var responders: [CallKey: Responder] = [:]
  private var nextCall: UInt64 = 1

  init(station: Station) { self.station = station }

  /// Where clients connect to; nil before `open()`.
  var address: SocketAddress? { server?.address }

  func open() throws {
    let configuration = station.configuration
    var authorities: [Certificate] = []
    for path in configuration.clientAuthorities {
      authorities += try Certificate.read(pem: try Files.read(path))
    }
    // No node is a client: none is pinned, so none is admitted here.
    let trust = TrustPolicy(domain: configuration.domain, authorities: authorities, nodePins: [:])
    self.trust = trust
    let server = try CallServer(
      loop: station.loop, tls: try TLSContext(station.certificates.own, trust: trust),
      address: configuration.listenClients, configuration: station.serving)
    for method in Method.allCases {
      server.handle(method.path) { [unowned self] call, responder in serve(call, responder) }
    }
    server.onEnd = { [unowned station] peer, address, end in
      if peer == nil || end.isRefusal { station.refusals.incoming(from: address, end) }
    }
    server.oldestCertificate = { [unowned station] in station.oldestCertificate(of: $0) }
    server.finality = { [unowned station] in station.finalityMark }
    self.server = server
  }

  private func serve(_ call: IncomingCall, _ responder: Responder) {
    guard let principal = Principal(path: String(call.peer.path.dropFirst())) else {
      responder.fail(CallStatus(.permissionDenied, "this certificate names nobody who may call"))
      return
    }
    let key = CallKey(connection: 0, call: nextCall)
    nextCall += 1
    responders[key] = responder
    responder.onWritable = { [unowned station] in station.step(.writable(key)) }
    responder.onAbandon = { [unowned self] in
      if responders.removeValue(forKey: key) != nil { station.step(.cancelled(key)) }
    }
    station.step(
      .call(
        ClientCall(
          key: key, caller: principal, method: call.method, payload: call.payload)))
  }

  /// Gives an answer of the node's to whoever called. Returns what the node is to be told of it, once all answers of its
  /// step are given.
  func give(_ answer: Answer) -> NodeEvent? {
    switch answer {
    case .respond(let key, let status, let payload):
      guard let responder = responders.removeValue(forKey: key) else { return nil }
      responder.onAbandon = nil
      if status.code == .ok { responder.respond(payload) } else { responder.fail(status) }
      return nil
    case .item(let key, let payload):
      switch responders[key]?.send(payload) {
      case .full: return .full(key)
      case .misuse:
        // The call has been told, and is over.
        responders.removeValue(forKey: key)?.onAbandon = nil
        station.note(.error, "answer_too_large", [("bytes", .integer(payload.count))])
        return .cancelled(key)
      case .queued, .dropped, nil: return nil
      }
    }
  }

  /// Ends the connections whose clients' certificates are refused by now.
  func review() { server?.reviewPeers() }

  /// Goes on with another certificate of this node's.
  func renew() throws {
    guard let trust else { return }
    server?.renew(try TLSContext(station.certificates.own, trust: trust))
  }

  /// Nobody is served any more. Who waits is told so in a way that sends it to another node, and what the channels have to say
  /// after that finds nobody: the station goes with its loop.
  func close() {
    for responder in responders.values {
      responder.onAbandon = nil
      responder.fail(CallStatus(.unavailable, "this node is going down"))
    }
    responders.removeAll()
    server?.onEnd = nil
    server?.close()
  }
}
