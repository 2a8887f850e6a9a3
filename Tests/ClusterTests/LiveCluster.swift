import Foundation
import Testing

/// One cluster for all the tests of a suite: founded when the first of them asks for it, so that suites which
/// wait for their turn have no processes, and ended after the last.
struct LiveCluster: SuiteTrait, TestScoping {
  // The lock is held while the cluster is founded: the suites are serialized, and nobody else waits.
  private final class Place: @unchecked Sendable {
    private let lock = NSLock()
    private let found: @Sendable () throws -> LoopbackCluster
    private var cluster: LoopbackCluster?

    init(_ found: @escaping @Sendable () throws -> LoopbackCluster) { self.found = found }

    func take() throws -> LoopbackCluster {
      try lock.withLock {
        if let cluster { return cluster }
        let founded = try found()
        cluster = founded
        return founded
      }
    }
  }

  @TaskLocal private static var place: Place?

  /// The cluster of the suite that runs.
  static var current: LoopbackCluster {
    get throws { try #require(place, "the suite has no cluster").take() }
  }

  let found: @Sendable () throws -> LoopbackCluster

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await Self.$place.withValue(Place(found), operation: function)
  }
}

extension Trait where Self == LiveCluster {
  static func cluster(_ found: @escaping @Sendable () throws -> LoopbackCluster) -> LiveCluster {
    LiveCluster(found: found)
  }
}
