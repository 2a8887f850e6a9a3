import Canonical

/// What one action may use while it runs; always enforced.
public struct ActionLimits: Hashable, Sendable, JSONWritable {
  public var wallSeconds: Int
  public var memoryMiB: Int
  public var processes: Int
  public var outputBytes: Int
  public var diskMiB: Int

  /// Limits.
  public init(wallSeconds: Int, memoryMiB: Int, processes: Int, outputBytes: Int, diskMiB: Int) {
    self.wallSeconds = wallSeconds
    self.memoryMiB = memoryMiB
    self.processes = processes
    self.outputBytes = outputBytes
    self.diskMiB = diskMiB
  }

  package init(from fields: inout Fields) throws(RecordError) {
    wallSeconds = try fields.integer("wall_seconds", in: 1...3600)
    memoryMiB = try fields.integer("memory_mib", in: 16...65_536)
    processes = try fields.integer("processes", in: 1...4096)
    outputBytes = try fields.integer("output_bytes", in: 1...(64 << 20))
    diskMiB = try fields.integer("disk_mib", in: 1...65_536)
  }

  public var members: [(String, JSON)] {
    [
      ("wall_seconds", .integer(wallSeconds)), ("memory_mib", .integer(memoryMiB)),
      ("processes", .integer(processes)), ("output_bytes", .integer(outputBytes)),
      ("disk_mib", .integer(diskMiB)),
    ]
  }
}

/// How many artifacts an action reads, and how much of them; an action without these reads none.
public struct InputLimits: Hashable, Sendable, JSONWritable {
  /// The least that a proposal names: 0 where the action can do without.
  public var minimumCount: Int
  /// The most, at most `Proposal.maximumInputs`.
  public var maximumCount: Int
  /// Bytes of all of them together. They lie on the action's disk, so at most half of that.
  public var maximumBytes: Int

  /// Limits.
  public init(minimumCount: Int, maximumCount: Int, maximumBytes: Int) {
    self.minimumCount = minimumCount
    self.maximumCount = maximumCount
    self.maximumBytes = maximumBytes
  }

  package init(from fields: inout Fields) throws(RecordError) {
    maximumCount = try fields.integer("maximum_count", in: 1...Proposal.maximumInputs)
    minimumCount = try fields.integer("minimum_count", in: 0...maximumCount)
    maximumBytes = try fields.integer("maximum_bytes", in: 1...(64 << 20))
  }

  public var members: [(String, JSON)] {
    [
      ("minimum_count", .integer(minimumCount)), ("maximum_count", .integer(maximumCount)),
      ("maximum_bytes", .integer(maximumBytes)),
    ]
  }
}
