import Images

/// What a host of microVMs is made of.
public struct MicroVMSettings: Sendable {
  /// What `Deploy/images/build` wrote.
  public var images: String
  /// The executor's own folder, which holds nothing that outlives it; by convention below /run.
  public var folder: String
  public var program = "/usr/bin/qemu-system-x86_64"
  /// The first of the users that machines, and the programs beside them, run as: `UserBlock.count` × `UserBlock.blocks`
  /// of them, of which this executor takes a block. Nothing else on the host may have one of them.
  public var firstUser: UInt32 = 2_000_000
  /// How long a machine may take to the guest's first word.
  public var bootSeconds: Int64 = 60
  /// The same for the probe of KVM, which hangs on some hosts.
  public var probeSeconds: Int64 = 10
  /// Most memory that one machine gets.
  public var maximumMemoryMiB = 8_192
  /// Most machines at once.
  public var maximumMachines = 8
  /// Most machines that stand ready besides, each with the memory of its shape.
  public var warmMachines = 0
  /// How runs reach what they are granted.
  public var egress = EgressSettings()
  /// Whose statement each action's image must have.
  public var signers = DemandedSigners()
  /// Where runs' secrets are; nil where there are none.
  public var secrets: (any SecretSource)?

  /// Standard settings.
  public init(images: String, folder: String) {
    self.images = images
    self.folder = folder
  }
}

/// Where an executor has the secrets of its tenants.
public protocol SecretSource: Sendable {
  /// The value; throws why there is none.
  func secret(_ name: String, of tenant: String) throws(SandboxError) -> [UInt8]
  /// Puts another value in its place, durably, as an authorization server demands it.
  func replace(_ name: String, of tenant: String, _ value: [UInt8]) throws(SandboxError)
}
