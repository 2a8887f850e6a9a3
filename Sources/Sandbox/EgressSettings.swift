import OpenExec

/// How runs reach the network, where they may.
public struct EgressSettings: Sendable {
  /// Addresses that no run reaches, beside those that are not the Internet's, the nodes' and this host's own: what an
  /// operator closes.
  public var controlPlane: [AddressBlock] = []
  /// Governance nodes, by name or address, without a port.
  public var nodes: [String] = []
  /// This host's own addresses, asked for when a run begins.
  public var ownAddresses: @Sendable () -> [NetworkAddress] = { HostAddresses.all }
  /// The C library's program that asks its resolver.
  public var resolver = "/usr/bin/getent"
  /// OpenSSL's program, which speaks TLS to models and authorization servers.
  public var tlsProgram = "/usr/bin/openssl"
  /// A file of authorities in place of the host's; nil for those.
  public var tlsAuthorities: String?
  /// How long a name may take.
  public var resolveSeconds: Int64 = 5
  /// How long an action may take to say what it wants of the proxy.
  public var requestSeconds: Int64 = 30
  /// How long a destination may take to answer a connection.
  public var connectSeconds: Int64 = 10

  /// Standard settings.
  public init() {}
}
