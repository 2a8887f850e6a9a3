import OpenExec
import Sandbox

/// What this executor's machines may be given of the world outside.
enum Reach {
  /// The settings of built-in machines, made in `folder`: images, the addresses that no run reaches, and where secrets are.
  static func settings(_ configuration: ExecutorConfiguration, folder: String) throws -> MicroVMSettings {
    var settings = MicroVMSettings(images: configuration.images, folder: folder)
    settings.egress.controlPlane = configuration.closedNetworks
    // They are public where a cluster spans sites.
    settings.egress.nodes = configuration.nodes.map { host(of: $0.address) }
    settings.secrets = try VaultSettings.source(configuration.vault)
    settings.warmMachines = configuration.warmMachines
    settings.signers = configuration.imageSigners
    return settings
  }

  /// A name, or an address without its brackets: what stands before the port.
  private static func host(of address: String) -> String {
    let host = address.lastIndex(of: ":").map { address[..<$0] } ?? address[...]
    return host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
  }
}
