import Canonical
import Crypto

/// What a run used, as guest and host measured it.
public struct RunUsage: Hashable, Sendable, JSONWritable {
  /// Of all processes of the action, in nanoseconds.
  public var processorNanoseconds: Int
  /// The most that one of its processes had in memory.
  public var memoryPeakBytes: Int
  /// From the guest's first word to its last, on the host's clock.
  public var wallNanoseconds: Int

  /// Usage.
  public init(processorNanoseconds: Int, memoryPeakBytes: Int, wallNanoseconds: Int) {
    self.processorNanoseconds = processorNanoseconds
    self.memoryPeakBytes = memoryPeakBytes
    self.wallNanoseconds = wallNanoseconds
  }

  package init(from fields: inout Fields) throws(RecordError) {
    processorNanoseconds = try fields.integer("processor_ns", in: 0...(1 << 53))
    memoryPeakBytes = try fields.integer("memory_peak_bytes", in: 0...(1 << 53))
    wallNanoseconds = try fields.integer("wall_ns", in: 0...(1 << 53))
  }

  public var members: [(String, JSON)] {
    [
      ("processor_ns", .integer(processorNanoseconds)), ("memory_peak_bytes", .integer(memoryPeakBytes)),
      ("wall_ns", .integer(wallNanoseconds)),
    ]
  }
}

/// One stream of an action's output, as it left the executor.
public struct OutputEvidence: Hashable, Sendable, JSONWritable {
  /// SHA-256 over what was kept, redacted and cut.
  public var digest: Digest
  /// What the action wrote, in bytes, whether kept or not.
  public var writtenBytes: Int
  /// Whether a middle was cut out of it, and marked as cut.
  public var isCut: Bool
  /// How many secrets were taken out of it, and marked.
  public var redactions: Int

  /// Evidence.
  public init(digest: Digest, writtenBytes: Int, isCut: Bool, redactions: Int) {
    self.digest = digest
    self.writtenBytes = writtenBytes
    self.isCut = isCut
    self.redactions = redactions
  }

  package init(from fields: inout Fields) throws(RecordError) {
    digest = try fields.digest("digest")
    writtenBytes = try fields.integer("written_bytes", in: 0...(1 << 53))
    isCut = try fields.bool("cut")
    redactions = try fields.integer("redactions", in: 0...(1 << 53))
  }

  public var members: [(String, JSON)] {
    [
      ("digest", .digest(digest)), ("written_bytes", .integer(writtenBytes)), ("cut", .bool(isCut)),
      ("redactions", .integer(redactions)),
    ]
  }
}

/// A run's connections in numbers; the list of them is the receipt's attachment `egress`.
public struct EgressSummary: Hashable, Sendable, JSONWritable {
  /// That were made.
  public var connections: Int
  /// That were refused, or cut at a limit.
  public var refused: Int
  public var sentBytes: Int
  public var receivedBytes: Int
  /// Of language models.
  public var tokens: Int
  /// Of those sent, what went through tunnels, whose content nobody but the two ends can read.
  public var opaqueBytes: Int

  /// A summary.
  public init(
    connections: Int, refused: Int, sentBytes: Int, receivedBytes: Int, tokens: Int, opaqueBytes: Int
  ) {
    self.connections = connections
    self.refused = refused
    self.sentBytes = sentBytes
    self.receivedBytes = receivedBytes
    self.tokens = tokens
    self.opaqueBytes = opaqueBytes
  }

  package init(from fields: inout Fields) throws(RecordError) {
    connections = try fields.integer("connections", in: 0...(1 << 53))
    refused = try fields.integer("refused", in: 0...(1 << 53))
    sentBytes = try fields.integer("sent_bytes", in: 0...(1 << 53))
    receivedBytes = try fields.integer("received_bytes", in: 0...(1 << 53))
    tokens = try fields.integer("tokens", in: 0...(1 << 53))
    opaqueBytes = try fields.integer("opaque_bytes", in: 0...(1 << 53))
  }

  public var members: [(String, JSON)] {
    [
      ("connections", .integer(connections)), ("refused", .integer(refused)),
      ("sent_bytes", .integer(sentBytes)), ("received_bytes", .integer(receivedBytes)),
      ("tokens", .integer(tokens)), ("opaque_bytes", .integer(opaqueBytes)),
    ]
  }
}

/// What the machine of a run was made of: `sha256:<hex>` each, checked by the executor before it was started.
public struct MachineEvidence: Hashable, Sendable, JSONWritable {
  public var kernelDigest: String
  /// Of the guest's own part of what it boots; the action's is the receipt's `image_digest`.
  public var initramfsDigest: String
  /// Of what runs the action in the machine, where the action is a WebAssembly module; nil where it is a program.
  public var runtimeDigest: String?
  /// How the executor knows that the isolation class is what it says.
  public var probe: String

  /// Evidence.
  public init(kernelDigest: String, initramfsDigest: String, runtimeDigest: String? = nil, probe: String) {
    self.kernelDigest = kernelDigest
    self.initramfsDigest = initramfsDigest
    self.runtimeDigest = runtimeDigest
    self.probe = probe
  }

  package init(from fields: inout Fields) throws(RecordError) {
    kernelDigest = try fields.text("kernel_digest", limit: 128)
    initramfsDigest = try fields.text("initramfs_digest", limit: 128)
    runtimeDigest = try fields.optionalValue("runtime_digest", "sha256: and 64 hexadecimal characters") {
      json in
      json.string.flatMap { text in
        text.hasPrefix("sha256:") && Digest(hex: String(text.dropFirst(7))) != nil ? text : nil
      }
    }
    probe = try fields.text("probe", limit: 256)
  }

  public var members: [(String, JSON)] {
    present([
      ("kernel_digest", .string(kernelDigest)), ("initramfs_digest", .string(initramfsDigest)),
      ("runtime_digest", runtimeDigest.map(JSON.string)), ("probe", .string(probe)),
    ])
  }
}

/// What a receipt says of a run beyond its outcome: what ran, within what bounds, and what it did.
public struct RunEvidence: Hashable, Sendable, JSONWritable {
  /// Hash of the action's entry in the registry.
  public var manifestDigest: Digest
  /// The limits that were enforced.
  public var limits: ActionLimits
  /// Absent where the guest never said how it ended.
  public var usage: RunUsage?
  /// Absent where no machine was made.
  public var machine: MachineEvidence?
  /// The action's own, where it ended by itself.
  public var exitStatus: Int?
  public var output: OutputEvidence
  public var errorOutput: OutputEvidence
  /// Absent where the action may reach nothing.
  public var egress: EgressSummary?
  /// Names of the secrets that it had.
  public var secrets: [String]
  /// What its result is made of: the agent, and the labels of every input.
  public var labels: [String]

  /// Most labels; more of them are said by the artifact alone.
  public static let maximumLabels = 64

  /// Evidence.
  public init(
    manifestDigest: Digest, limits: ActionLimits, usage: RunUsage?, machine: MachineEvidence?,
    exitStatus: Int?,
    output: OutputEvidence, errorOutput: OutputEvidence, egress: EgressSummary?, secrets: [String],
    labels: [String]
  ) {
    self.manifestDigest = manifestDigest
    self.limits = limits
    self.usage = usage
    self.machine = machine
    self.exitStatus = exitStatus
    self.output = output
    self.errorOutput = errorOutput
    self.egress = egress
    self.secrets = secrets
    self.labels = labels
  }

  package init(from fields: inout Fields) throws(RecordError) {
    manifestDigest = try fields.digest("manifest_digest")
    limits = try fields.nested("limits") { (inner) throws(RecordError) in try ActionLimits(from: &inner) }
    usage = try fields.optionalNested("usage") { (inner) throws(RecordError) in try RunUsage(from: &inner) }
    machine = try fields.optionalNested("machine") { (inner) throws(RecordError) in
      try MachineEvidence(from: &inner)
    }
    exitStatus = try fields.optionalValue("exit_status", "0 to 255") { json in
      json.integer.flatMap { (0...255).contains($0) ? $0 : nil }
    }
    output = try fields.nested("output") { (inner) throws(RecordError) in try OutputEvidence(from: &inner) }
    errorOutput = try fields.nested("error_output") { (inner) throws(RecordError) in
      try OutputEvidence(from: &inner)
    }
    egress = try fields.optionalNested("egress") { (inner) throws(RecordError) in
      try EgressSummary(from: &inner)
    }
    secrets = try fields.identifiers("secrets", limit: ActionDefinition.maximumSecrets)
    labels = try fields.list("labels", limit: RunEvidence.maximumLabels, of: "labels") { json in
      json.string.flatMap { $0.utf8.count <= 256 ? $0 : nil }
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("manifest_digest", .digest(manifestDigest)), ("limits", limits.json), ("usage", usage?.json),
      ("machine", machine?.json), ("exit_status", exitStatus.map(JSON.integer)), ("output", output.json),
      ("error_output", errorOutput.json), ("egress", egress?.json), ("secrets", .texts(secrets)),
      ("labels", .texts(labels)),
    ])
  }
}

extension ActionDefinition {
  /// Names what exactly was approved to run: any change of the entry changes it.
  public var manifestDigest: Digest { json.contentHash }
}
