/// Channels that have not shown a certificate yet, oldest first. A listener's limits keep it short.
struct HandshakeTable {
  private var waiting: [Channel] = []

  var count: Int { waiting.count }
  var oldest: Channel? { waiting.first }

  func count(from remote: SocketAddress) -> Int { waiting.count { $0.remote.isNear(remote) } }

  func oldest(from remote: SocketAddress) -> Channel? { waiting.first { $0.remote.isNear(remote) } }

  mutating func add(_ channel: Channel) { waiting.append(channel) }

  /// One that is not there is no fault.
  mutating func remove(_ channel: Channel) { waiting.removeAll { $0 === channel } }
}

extension SocketAddress {
  /// Whether both are of one host: of IPv6 the first half, of which a host has all addresses.
  fileprivate func isNear(_ other: SocketAddress) -> Bool {
    host.count == other.host.count
      && host.prefix(host.count == 16 ? 8 : 4).elementsEqual(other.host.prefix(host.count == 16 ? 8 : 4))
  }
}
