import Network
import OpenExec
import Sandbox

/// What this executor's machines may be given of the world outside.
enum Reach {
  /// The settings of built-in machines, made in `folder`: images, the addresses that no run reaches, and where secrets are.
  static func settings(_ configuration: ExecutorConfiguration, folder: String) throws -> MicroVMSettings {
    var settings = MicroVMSettings(images: configuration.images, folder: folder)
    settings.egress.controlPlane = controlPlane(configuration)
    settings.secrets = try VaultSettings.source(configuration.vault)
    settings.warmMachines = configuration.warmMachines
    return settings
  }

  /// The governance nodes' addresses, which are public where a cluster spans sites, and what the operator closed.
  private static func controlPlane(_ configuration: ExecutorConfiguration) -> [AddressBlock] {
    let nodes = configuration.nodes.flatMap { SocketAddress.resolve($0.address) }.compactMap { address in
      NetworkAddress(bytes: address.host).flatMap {
        AddressBlock(text: $0.text, purpose: "a governance node")
      }
    }
    return nodes + configuration.closedNetworks
  }
}
