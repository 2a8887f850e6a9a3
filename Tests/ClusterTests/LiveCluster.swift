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
    // A suite whose tests take turns with others' would keep its processes running all that time.
    await Turns.ofClusters.take()
    do {
      try await Self.$place.withValue(Place(found), operation: function)
    } catch {
      await Turns.ofClusters.giveBack()
      throw error
    }
    await Turns.ofClusters.giveBack()
  }
}

/// So many at a time; the others wait in the order in which they came.
private actor Turns {
  static let ofClusters = Turns(2)

  private var free: Int
  private var waiting: [CheckedContinuation<Void, Never>] = []

  init(_ count: Int) { free = count }

  func take() async {
    guard free == 0 else {
      free -= 1
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  func giveBack() {
    if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
  }
}

extension Trait where Self == LiveCluster {
  static func cluster(_ found: @escaping @Sendable () throws -> LoopbackCluster) -> LiveCluster {
    LiveCluster(found: found)
  }
}
