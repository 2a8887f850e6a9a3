import Testing

@testable import Wire

/// Streams side by side on one channel: what each side may send, and that none holds up another.
@Suite("Guest streams")
struct GuestStreamsTests {
  /// Two sides and a channel between them.
  struct Pair {
    var guest = GuestStreams(opens: true)
    var host = GuestStreams(opens: false)

    struct NoneLeft: Error {}

    mutating func open() throws -> UInt32 {
      guard let id = guest.open() else { throw NoneLeft() }
      return id
    }

    /// Carries everything that can be said; what each side was told.
    mutating func settle() throws -> (guest: [GuestStreams.Event], host: [GuestStreams.Event]) {
      var told: (guest: [GuestStreams.Event], host: [GuestStreams.Event]) = ([], [])
      while guest.hasNext || host.hasNext {
        if let frame = guest.nextFrame() { told.host += [try host.take(frame)].compactMap { $0 } }
        if let frame = host.nextFrame() { told.guest += [try guest.take(frame)].compactMap { $0 } }
      }
      return told
    }
  }

  @Test("open, data both ways, ends: then nothing is left of it")
  func whole() throws {
    var pair = Pair()
    let id = try pair.open()
    pair.guest.send([1, 2, 3], on: id)
    let first = try pair.settle()
    #expect(first.host == [.opened(1), .data(1, [1, 2, 3])] && first.guest == [])
    pair.host.send([4], on: id)
    pair.host.end(id)
    pair.guest.end(id)
    let last = try pair.settle()
    #expect(last.guest == [.data(1, [4]), .ended(1)] && last.host == [.ended(1)])
    let left = (pair.guest.count, pair.host.count)
    #expect(left == (0, 0))
    // The next has another name.
    let next = try pair.open()
    #expect(next == 2)
  }

  @Test("no more than a window before it is passed on; then as much again")
  func window() throws {
    var pair = Pair()
    let id = try pair.open()
    let window = GuestStreams.window
    pair.guest.send([UInt8](repeating: 1, count: window), on: id)
    _ = try pair.settle()
    // All of it is under way, none passed on.
    pair.guest.send([UInt8](repeating: 2, count: window), on: id)
    let stuck = try pair.settle()
    #expect(stuck.host == [] && pair.guest.room(id) == 0)
    pair.host.consumed(window / 2, of: id)
    let moved = try pair.settle()
    let count = moved.host.reduce(0) { sum, event in
      if case .data(_, let bytes) = event { sum + bytes.count } else { sum }
    }
    #expect(count == window / 2 && moved.guest == [.credited(id)] && pair.guest.room(id) == window / 2)
  }

  @Test("a stream that nobody reads holds up no other, and each has its turn")
  func fairness() throws {
    var pair = Pair()
    let ids = try (0..<3).map { _ in try pair.open() }
    for id in ids { pair.guest.send([UInt8](repeating: UInt8(id), count: GuestStreams.window), on: id) }
    var order: [UInt32] = []
    while let frame = pair.guest.nextFrame() {
      if frame.kind == .data { order.append(frame.stream) }
      _ = try pair.host.take(frame)
    }
    // Four frames each, in turn.
    #expect(order.count == 12)
    for start in stride(from: 0, to: 12, by: 3) { #expect(Set(order[start..<(start + 3)]) == Set(ids)) }
    // The first is never consumed; the second goes on for ever.
    for _ in 0..<20 {
      pair.host.consumed(GuestStreams.window, of: ids[1])
      _ = try pair.settle()
      pair.guest.send([UInt8](repeating: 9, count: pair.guest.room(ids[1])), on: ids[1])
      let told = try pair.settle()
      let moved = told.host.contains { if case .data(ids[1], _) = $0 { true } else { false } }
      #expect(moved)
    }
  }

  @Test("a reset from either side ends both directions; what is still under way is passed over")
  func reset() throws {
    var pair = Pair()
    let id = try pair.open()
    _ = try pair.settle()
    pair.guest.send([1], on: id)
    let frame = pair.guest.nextFrame()
    let late = try #require(frame)
    pair.host.reset(id)
    let passed = try pair.host.take(late)
    #expect(passed == nil)
    let told = try pair.settle()
    #expect(told.guest == [.reset(id)] && pair.guest.count == 0 && pair.guest.room(id) == 0)
    // What is said of it now goes nowhere.
    pair.guest.send([], on: id)
    pair.guest.end(id)
    #expect(!pair.guest.hasNext)
  }

  @Test("whoever breaks the rules is found out, and nothing grows")
  func violations() throws {
    func violation(_ frames: [GuestStream]) -> String? {
      var host = GuestStreams(opens: false)
      do throws(StreamViolation) {
        for frame in frames { _ = try host.take(frame) }
        return nil
      } catch {
        return error.what
      }
    }
    let data = { (count: Int) in GuestStream(1, .data, bytes: [UInt8](repeating: 0, count: count)) }
    let open = GuestStream(1, .open)
    #expect(violation([open, data(10)]) == nil)
    for frames in [
      [GuestStream(2, .open)], [GuestStream(0, .open)], [open, open], [data(1)], [GuestStream(0, .end)],
      [open, data(0)], [open, GuestStream(1, .end), data(1)],
      [open, GuestStream(1, .end), GuestStream(1, .end)],
      [open, GuestStream(1, .credit, credit: 1)], [open, GuestStream(1, .credit)],
      [open] + (0..<5).map { _ in data(GuestStream.maximumCount) }, [GuestStream(9, .reset)],
      (1...17).map { GuestStream($0, .open) },
    ] {
      #expect(violation(frames) != nil, "\(frames.prefix(3))")
    }
    // A host never opens, and a guest is never opened to.
    var guest = GuestStreams(opens: true)
    #expect(throws: StreamViolation.self) { try guest.take(GuestStream(1, .open)) }
    var host = GuestStreams(opens: false)
    let none = host.open()
    #expect(none == nil)
    // Streams opened one after the other that the host resets, without reading a word.
    var count = 0
    #expect(throws: StreamViolation.self) {
      while count < 5_000 {
        count += 1
        _ = try host.take(GuestStream(UInt32(count), .open))
        host.reset(UInt32(count))
      }
    }
    #expect(count < 1_100)
  }

  @Test("no more streams than there may be, and room for one when one has gone")
  func bounded() throws {
    var pair = Pair()
    for _ in 0..<GuestStreams.maximumStreams { _ = try pair.open() }
    #expect(throws: Pair.NoneLeft.self) { try pair.open() }
    _ = try pair.settle()
    pair.guest.reset(3)
    let next = try pair.open()
    #expect(next == UInt32(GuestStreams.maximumStreams + 1))
    let told = try pair.settle()
    #expect(told.host == [.reset(3), .opened(UInt32(GuestStreams.maximumStreams + 1))])
  }
}
