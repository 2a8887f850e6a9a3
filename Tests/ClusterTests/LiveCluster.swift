import Testing

/// Founds one cluster for all the tests of a suite, and ends it after the last of them.
struct LiveCluster: SuiteTrait, TestScoping {
  /// The cluster of the suite that runs.
  @TaskLocal private static var running: LoopbackCluster?

  static var current: LoopbackCluster {
    get throws { try #require(running, "the suite has no cluster") }
  }

  let found: @Sendable () throws -> LoopbackCluster

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    let cluster = try found()
    try await Self.$running.withValue(cluster, operation: function)
  }
}

extension Trait where Self == LiveCluster {
  static func cluster(_ found: @escaping @Sendable () throws -> LoopbackCluster) -> LiveCluster {
    LiveCluster(found: found)
  }
}
