import Foundation
import OpenExec
import Records
import Synchronization
import Testing

@testable import EventLoop
@testable import Sandbox

/// Programs that run beside the executor for its runs, and what they find out for it.
@Suite(
  "Programs beside an executor", .serialized,
  .enabled(if: geteuid() == 0, "users and namespaces are given by root"))
struct HelperTests {
  private let loop: EventLoop
  private let folder: String

  init() throws {
    loop = try EventLoop()
    folder = NSTemporaryDirectory() + "openexec-helpers-\(UUID())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: folder)
  }

  /// A resolver whose program is a script; it is told what `getent` would be.
  private func resolver(
    _ script: String, first: UInt32 = 2_999_000, users: UInt32 = 4
  ) throws -> (Resolver, EgressSettings) {
    let path = "\(folder)/resolver"
    try "#!/bin/sh\n\(script)\n".write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    var settings = EgressSettings()
    settings.resolver = path
    // How long a lookup may take is for one test to say; a machine that is busy with others is slow to begin 64 programs.
    settings.resolveSeconds = 60
    settings.ownAddresses = { [] }
    let helpers = Helpers(first: first, count: users)
    return (Resolver(loop: loop, settings: settings, helpers: helpers), settings)
  }

  private typealias Answer = Result<[NetworkAddress], Resolver.ResolverFailure>

  private func ask(_ resolver: Resolver, _ names: [String]) throws -> [String] {
    var answers: [String: Answer] = [:]
    for name in names { resolver.resolve(name) { answers[name] = $0 } }
    while answers.count < names.count { try loop.turn() }
    return names.map { name in
      switch answers[name] {
      case .success(let addresses): addresses.map(\.text).joined(separator: " ")
      case .failure(let failure): failure.why
      case nil: "nothing"
      }
    }
  }

  @Test(
    "each has a user, processes and limits of its own, and gives them back; one more than there are waits for none"
  )
  func users() throws {
    // The user's number, and how many processes it sees, as an address.
    let (resolver, _) = try resolver(
      "sleep 0.3; u=$(($(id -u) - 2999000)); echo \"10.$u.$$.$(id -G | wc -w) STREAM\"; "
        + "echo \"11.$(ulimit -c).$(ulimit -f).$(($(ulimit -n) == 64)) STREAM\"")
    let found = try ask(resolver, ["a", "b", "c", "d"])
    #expect(Set(found) == Set((0..<4).map { "10.\($0).1.1 11.0.0.1" }), "\(found)")
    let again = try ask(resolver, ["a", "b", "c", "d", "e"])
    #expect(again.filter { $0.hasPrefix("10.") }.count == 4)
    #expect(again.last == "too many programs run beside this one: no user is free for another")
    loop.end()
  }

  @Test("lookups are bounded in number, in time and in what the resolver says; an option is no name")
  func bounds() throws {
    let (slow, settings) = try resolver("sleep 1; echo 10.0.0.1", users: 64)
    let names = (0...Resolver.maximumLookups).map { "n\($0)" }
    let found = try ask(slow, names)
    #expect(found.dropLast().allSatisfy { $0 == "10.0.0.1" } && found.last == "too many lookups at once")
    #expect(try ask(slow, ["-x", ""]) == ["no name", "no name"])
    // One that never ends is ended by what it said, long before the clock, or by the clock.
    // A user may have few processes, and those before may not have gone altogether.
    let (flood, _) = try resolver(
      "echo '10.0.0.2 STREAM'; yes | head -c 20000; sleep 90", first: 2_999_100)
    #expect(try ask(flood, ["a"]) == ["10.0.0.2"])
    _ = try resolver("sleep 90")
    var short = settings
    short.resolveSeconds = 1
    let late = Resolver(loop: loop, settings: short, helpers: Helpers(first: 2_999_000, count: 4))
    #expect(try ask(late, ["a"]) == ["no answer within 1 seconds"])
    loop.end()
  }

  @Test(
    "a run's name is absolute: the host's search list is not tried, but for names that the operator wrote")
  func searchList() throws {
    let (resolver, _) = try resolver("[ \"$LOCALDOMAIN\" = . ] && echo 10.0.0.1 || echo 10.0.0.2")
    #expect(try ask(resolver, ["a.example.org"]) == ["10.0.0.1"])
    var written: Answer?
    resolver.resolve("node-1", asTheHostDoes: true) { written = $0 }
    while written == nil { try loop.turn() }
    #expect(try written?.get().map(\.text) == ["10.0.0.2"])
    loop.end()
  }

  @Test(
    "what the C library asks for a name that does not exist is that name alone",
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/getent"), "getent is not installed"))
  func askedNames() throws {
    try PublicNet.run(hosts: []) {
      let asked = Mutex<[String]>([])
      let configuration = NSTemporaryDirectory() + "resolv-\(UUID())"
      try "nameserver 127.0.0.1\nsearch evil.test\noptions timeout:1 attempts:1\n".write(
        toFile: configuration, atomically: true, encoding: .utf8)
      defer { try? FileManager.default.removeItem(atPath: configuration) }
      PublicNet.show(configuration, at: "/etc/resolv.conf")
      try PublicNet.serveNames { name in asked.withLock { $0.append(name) } }
      let loop = try EventLoop()
      let resolver = Resolver(
        loop: loop, settings: EgressSettings(), helpers: Helpers(first: 2_999_000, count: 4))
      func ask(asTheHostDoes: Bool) throws -> Set<String> {
        asked.withLock { $0 = [] }
        var answer: Answer?
        resolver.resolve("missing.example.org", asTheHostDoes: asTheHostDoes) { answer = $0 }
        while answer == nil { try loop.turn() }
        #expect(throws: Resolver.ResolverFailure.self) { try answer?.get() }
        return Set(asked.withLock { $0 })
      }
      #expect(try ask(asTheHostDoes: false) == ["missing.example.org"])
      // The search list is there, and would have been used.
      #expect(try ask(asTheHostDoes: true).contains("missing.example.org.evil.test"))
      loop.end()
    }
  }

  // MARK: Addresses that no run reaches

  private func closed(_ closed: ClosedAddresses) throws -> Result<[String], SandboxError> {
    var answer: Result<[AddressBlock], SandboxError>?
    closed.current { answer = $0 }
    while answer == nil { try loop.turn() }
    return try #require(answer).map { blocks in
      ["9.9.9.9", "8.8.8.8", "1.1.1.1", "93.184.216.34"].filter { text in
        NetworkAddress(text: text).flatMap { AddressClassifier.refusal(of: $0, controlPlane: blocks) } != nil
      }
    }
  }

  @Test(
    "a node whose name stands for nothing keeps every run that reaches out; what it ever stood for stays closed"
  )
  func nodes() throws {
    let (resolver, written) = try resolver("cat \(folder)/$2 2>/dev/null")
    var settings = written
    settings.nodes = ["node-1", "8.8.8.8"]
    let unknown = ClosedAddresses(loop: loop, settings: settings, resolver: resolver)
    guard case .failure(let why) = try closed(unknown) else {
      Issue.record("a node's address is open")
      return
    }
    #expect(why.description.contains("governance node node-1 is not known (the name is not known)"), "\(why)")
    try "9.9.9.9 STREAM\n".write(toFile: "\(folder)/node-1", atomically: true, encoding: .utf8)
    #expect(try closed(unknown) == .success(["9.9.9.9", "8.8.8.8"]))
    // Where it is not known any more, what it stood for stays closed.
    try FileManager.default.removeItem(atPath: "\(folder)/node-1")
    #expect(try closed(unknown) == .success(["9.9.9.9", "8.8.8.8"]))
    loop.end()
  }

  @Test("a node's name is asked for once a minute, neither more often nor less")
  func minute() throws {
    let (resolver, written) = try resolver("cat \(folder)/$2")
    var settings = written
    settings.nodes = ["node-1"]
    let began = MonotonicInstant.now
    var passed = Duration.zero
    let moving = ClosedAddresses(loop: loop, settings: settings, resolver: resolver) {
      began + passed
    }
    var found: [[String]] = []
    for (after, address) in [(0, "9.9.9.9"), (59, "1.1.1.1"), (60, "1.1.1.1"), (119, "8.8.8.8")] {
      try "\(address) STREAM\n".write(toFile: "\(folder)/node-1", atomically: true, encoding: .utf8)
      passed = .seconds(after)
      found.append(try closed(moving).get())
    }
    #expect(found == [["9.9.9.9"], ["9.9.9.9"], ["9.9.9.9", "1.1.1.1"], ["9.9.9.9", "1.1.1.1"]])
    loop.end()
  }

  @Test("what the operator closed, and this host's own addresses as they are now")
  func own() throws {
    let (resolver, written) = try resolver("exit 1")
    var settings = written
    settings.controlPlane = [try #require(AddressBlock(text: "1.1.1.1", purpose: "closed"))]
    let some = ClosedAddresses(loop: loop, settings: settings, resolver: resolver)
    #expect(try closed(some) == .success(["1.1.1.1"]))
    settings.ownAddresses = { NetworkAddress(text: "93.184.216.34").map { [$0] } ?? [] }
    let all = ClosedAddresses(loop: loop, settings: settings, resolver: resolver)
    #expect(try closed(all) == .success(["1.1.1.1", "93.184.216.34"]))
    #expect(HostAddresses.all.contains { $0.text == "127.0.0.1" })
    try PublicNet.run(hosts: []) {
      #expect(HostAddresses.all.contains { $0.text == PublicNet.address })
    }
    loop.end()
  }
}

@Suite("Users of runs")
struct UserTests {
  @Test("a user is one's alone until it is given back, and then the last to be given again")
  func pool() {
    var pool = UserPool(first: 10, count: 3)
    #expect([pool.take(), pool.take(), pool.take(), pool.take()] == [10, 11, 12, nil])
    pool.giveBack(11)
    #expect(pool.take() == 11 && pool.take() == nil)
    pool.giveBack(10)
    pool.giveBack(12)
    #expect(pool.take() == 12)
  }

  @Test(
    "two executors of one host have no user in common",
    .enabled(if: geteuid() == 0, "blocks are taken by root"))
  func blocks() throws {
    let base: UInt32 = 3_900_000
    var blocks = try (0..<UserBlock.blocks).map { _ in try UserBlock(from: base) }
    #expect(blocks.map(\.first) == (0..<UserBlock.blocks).map { base + $0 * UserBlock.count })
    #expect(throws: SandboxError.self) { try UserBlock(from: base) }
    blocks.remove(at: 5)
    #expect(try UserBlock(from: base).first == base + 5 * UserBlock.count)
  }
}
