import Testing

@testable import OpenExec

/// What is kept ready, decided without a machine.
struct WarmPoolTests {
  private func shape(_ image: String, memory: Int = 128, counts: Bool = false) -> WarmPool.Shape {
    WarmPool.Shape(
      isolationClass: .microvmTCG, memoryMiB: memory, image: image, isReproducible: counts)
  }

  /// Carries the pool's steps out at once; every machine is up when it is made.
  private func settle(_ pool: inout WarmPool, at now: UInt64 = 0) -> [WarmPool.Step] {
    var all: [WarmPool.Step] = []
    while true {
      let steps = pool.steps(at: now)
      guard !steps.isEmpty else { return all }
      all += steps
      for case .make(let machine, _) in steps { pool.isUp(machine) }
    }
  }

  @Test("nothing stands ready before the first order, nor where no place is given")
  func empty() {
    var pool = WarmPool(limit: 2)
    #expect(settle(&pool) == [] && pool.take(shape("a"), at: 0) == nil)
    var none = WarmPool(limit: 0)
    #expect(none.take(shape("a"), at: 0) == nil && settle(&none) == [] && none.count == 0)
  }

  @Test("an order leaves one machine of its shape ready; the next one takes it, and takes it once")
  func takes() throws {
    var pool = WarmPool(limit: 1)
    _ = pool.take(shape("a"), at: 0)
    guard case .make(let machine, let made) = try #require(settle(&pool).first) else { return }
    #expect(made == shape("a") && pool.count == 1)
    #expect(pool.take(shape("a"), at: 0) == machine && pool.count == 0)
    #expect(pool.take(shape("a"), at: 0) == nil)
  }

  @Test("what was asked for last stands ready, as often as it was; what was not gives way")
  func follows() {
    var pool = WarmPool(limit: 2)
    _ = pool.take(shape("a"), at: 0)
    _ = pool.take(shape("a"), at: 0)
    #expect(settle(&pool).count == 2 && pool.count == 2)
    // One of two gives way to what is new.
    #expect(pool.take(shape("b"), at: 0) == nil)
    let steps = settle(&pool)
    #expect(steps.count { if case .end = $0 { true } else { false } } == 1)
    #expect(pool.count == 2)
    #expect(pool.take(shape("b"), at: 0) != nil && pool.take(shape("a"), at: 0) != nil)
    // Another image, size or accelerator is another machine.
    #expect(pool.take(shape("b", memory: 256), at: 0) == nil)
  }

  @Test("one machine is made at a time; one that still boots is taken where none is up")
  func boots() throws {
    var pool = WarmPool(limit: 2)
    _ = pool.take(shape("a"), at: 0)
    _ = pool.take(shape("a"), at: 0)
    let first = pool.steps(at: 0)
    #expect(first.count == 1 && pool.steps(at: 0).isEmpty)
    guard case .make(let one, _) = try #require(first.first) else { return }
    pool.isUp(one)
    guard case .make(let two, _) = try #require(pool.steps(at: 0).first) else { return }
    #expect(pool.take(shape("a"), at: 0) == one && pool.take(shape("a"), at: 0) == two)
  }

  @Test("one that fails is not made again before the next order; one that was taken is not the pool's")
  func fails() throws {
    var pool = WarmPool(limit: 1)
    _ = pool.take(shape("a"), at: 0)
    guard case .make(let machine, _) = try #require(pool.steps(at: 0).first) else { return }
    pool.failed(machine)
    #expect(pool.count == 0 && pool.steps(at: 0).isEmpty)
    #expect(pool.take(shape("a"), at: 0) == nil)
    let next = try #require(settle(&pool).first)
    guard case .make(let second, _) = next else { return }
    #expect(second != machine && pool.take(shape("a"), at: 0) == second)
    pool.failed(second)
    #expect(settle(&pool).count == 1)
  }

  @Test("a machine that has stood ten minutes is replaced")
  func ages() throws {
    var pool = WarmPool(limit: 1)
    _ = pool.take(shape("a"), at: 0)
    _ = settle(&pool, at: 5)
    #expect(settle(&pool, at: 5 + WarmPool.longestStand - 1) == [])
    // Nor is it handed over.
    var other = pool
    #expect(other.take(shape("a"), at: 5 + WarmPool.longestStand - 1) != nil)
    #expect(pool.take(shape("a"), at: 5 + WarmPool.longestStand) == nil)
    let steps = settle(&pool, at: 5 + WarmPool.longestStand)
    #expect(steps.count == 2 && pool.count == 1)
    guard case .end = try #require(steps.first) else {
      Issue.record("the old one is ended first")
      return
    }
  }
}
