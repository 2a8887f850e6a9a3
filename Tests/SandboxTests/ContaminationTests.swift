import EventLoop
import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// That nothing of one run reaches another: not through time, and not through what is left on the host.
@Suite(
  "Contamination", .serialized, .enabled(if: Bench.obstacle == nil, "\(Bench.obstacle ?? "")"))
struct ContaminationTests {
  /// All of a machine that could differ: time, date, random numbers, memory, processes, its own and the kernel's.
  private static let look = """
    B=/bin/busybox
    $B cat /proc/uptime /proc/stat /proc/meminfo /proc/self/stat /proc/loadavg /proc/interrupts
    $B date +%s.%N; $B head -c 64 /dev/urandom | $B hexdump -v -e '/1 "%02x"'
    i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; $B cat /proc/uptime; $B env; $B ls -lR /tmp /inputs /secrets
    """

  private static func order(
    _ rig: Rig, _ script: String, _ tenant: String, isReproducible: Bool = false
  ) -> RunOrder {
    RunOrder(
      id: RunID(token: "token-\(UUID())", attempt: 1), isolationClass: .microvmTCG,
      imageDigest: rig.images.hostile,
      arguments: ["/bin/busybox", "sh", "-c", script], parameters: Array("{}".utf8),
      limits: ActionLimits(
        wallSeconds: 300, memoryMiB: 64, processes: 16, outputBytes: 256 << 10, diskMiB: 8),
      tenantID: tenant, isReproducible: isReproducible, challenge: [UInt8](repeating: 7, count: 32))
  }

  @Test(
    "with instructions counted a run writes the same bytes alone, beside a hostile run of another tenant, and after it"
  )
  func nonInterference() throws {
    let rig = try Rig()
    func run() throws -> (output: [UInt8], bootID: String?) {
      let outcome = try rig.carryOut(Self.order(rig, Self.look, "acme", isReproducible: true))
      #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
      #expect(!outcome.truncated && outcome.output.count > 2_000)
      return (outcome.output, outcome.guest?.bootID)
    }
    let alone = try run()
    // Another tenant's, on a host of its own whose loop turns on another thread: it fills memory, disk and channel.
    let hostile = """
      B=/bin/busybox; $B dd if=/dev/urandom of=/tmp/x bs=65536 2>/dev/null &
      (while :; do :; done) & $B yes | $B head -c 30000000; $B tail -c 20000000 /dev/zero & $B sleep 30
      """
    let other = try Neighbour { Self.order($0, hostile, "rival") }
    try other.waitUntilStarted()
    let beside = try run()
    try other.end()
    let after = try run()
    #expect(beside.output == alone.output, "\(Self.difference(alone.output, beside.output))")
    #expect(after.output == alone.output, "\(Self.difference(alone.output, after.output))")
    #expect(alone.bootID != nil && beside.bootID == alone.bootID && after.bootID == alone.bootID)
    try rig.expectNothingLeft()
    // The comparison can fail: with the host's own time it does.
    let first = try rig.carryOut(Self.order(rig, Self.look, "acme"))
    let second = try rig.carryOut(Self.order(rig, Self.look, "acme"))
    #expect(first.output != second.output && first.guest?.bootID != second.guest?.bootID)
  }

  private static func difference(_ left: [UInt8], _ right: [UInt8]) -> String {
    let lines = [left, right].map { String(decoding: $0, as: UTF8.self).split(separator: "\n") }
    return zip(lines[0], lines[1]).first { $0 != $1 }.map { "\($0.0) / \($0.1)" } ?? "lengths"
  }

  @Test("a machine whose time is counted takes neither files nor secrets nor a proxy")
  func countedLimits() throws {
    let rig = try Rig { $0.secrets = FixedSecrets(["acme+token": "tok-3n:S3cret"]) }
    for order in [
      rig.order(["/action", "echo"], inputs: [rig.input([1])], isReproducible: true),
      rig.order(["/action", "echo"], secrets: ["token"], isReproducible: true),
    ] {
      guard case .sandboxFailed(let why) = try rig.carryOut(order).ending else {
        Issue.record("it ran")
        continue
      }
      #expect(why.contains("parameters alone"), "\(why)")
    }
    try rig.expectNothingLeft()
  }

  // MARK: Canaries

  /// What a run is given and writes, by which it would be recognised anywhere.
  private struct Canary {
    let token = "canary" + UUID().uuidString.replacingOccurrences(of: "-", with: "").lowercased()

    /// The forms in which it is looked for.
    var forms: [[UInt8]] {
      let bytes = Array(token.utf8)
      return [bytes, Array(Data(bytes).base64EncodedString().utf8.prefix(36))]
        + [Array(bytes.map { String(format: "%02x", $0) }.joined().utf8)]
    }
  }

  /// Every place of the host that a run's executor writes to, and of the next run: where a canary is, or nothing.
  private static func sweep(_ canary: Canary, _ folders: [String], _ outcomes: [RunOutcome]) throws
    -> [String]
  {
    var found: [String] = []
    func look(_ bytes: [UInt8], _ place: String) {
      let data = Data(bytes)
      for form in canary.forms where data.range(of: Data(form)) != nil { found.append(place) }
    }
    for folder in folders {
      for case let name as String in FileManager.default.enumerator(atPath: folder) ?? .init() {
        look(Array(name.utf8), "name \(name)")
        let path = "\(folder)/\(name)"
        var status = stat()
        guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
        look(Array(try Data(contentsOf: URL(fileURLWithPath: path))), path)
      }
    }
    for (number, outcome) in outcomes.enumerated() {
      look(outcome.output + outcome.errorOutput, "output \(number)")
    }
    // What any process of this host was started with, or is told.
    for pid in Folders.names("/proc") where Int32(pid) != nil && Int32(pid) != getpid() {
      for file in ["cmdline", "environ"] {
        look(Array((Folders.readKernelFile("/proc/\(pid)/\(file)") ?? "").utf8), "process \(pid) \(file)")
      }
    }
    return found
  }

  /// Writes its canary wherever it can.
  private static func spread(_ canary: Canary) -> String {
    """
    B=/bin/busybox; T=\(canary.token)
    for f in /tmp/$T /inputs/$T /secrets/$T /$T /dev/$T /modules/$T; do echo $T >$f; done 2>/dev/null
    printf $T | $B hexdump -v -e '/1 "%02x"' >/tmp/hex; (exec -a $T $B sleep 100) & T=$T $B sleep 100 &
    $B cat /inputs/* >/tmp/copy; $B cat /secrets/* >>/tmp/copy; echo $T
    """
  }

  /// Reads all that there is.
  private static let gather = """
    B=/bin/busybox; $B cat /inputs/* /secrets/* /tmp/* 2>/dev/null; $B find / -xdev 2>/dev/null; $B ps; $B env
    $B dd if=/dev/mem bs=65536 count=16 2>/dev/null; $B cat /proc/*/cmdline /proc/*/environ 2>/dev/null
    """

  @Test(
    "what one agent was given and wrote is nowhere on the host afterwards, and in no later run; a build that leaks is caught",
    arguments: [false, true])
  func canaries(leaks: Bool) throws {
    let canary = Canary()
    let rig = try Rig {
      $0.secrets = FixedSecrets(["acme+token": canary.token + "-secret"])
      $0.warmMachines = 1
    }
    rig.host.isLeaky = leaks
    let input = rig.input(Array((canary.token + " in a file").utf8))
    let order = rig.hostile(Self.spread(canary), inputs: [input], secrets: ["token"])
    let first = try rig.carryOut(order)
    #expect(first.ending == .completed(exitStatus: 0), "\(first.ending)")
    #expect(
      String(decoding: first.output, as: UTF8.self).contains(canary.token), "the sweep would see nothing")
    let later = try rig.carryOut(rig.hostile(Self.gather))
    #expect(later.output.count > 200, "\(later.ending)")
    let found = try Self.sweep(canary, [rig.folder, "/tmp/openexec", "/run/openexec-users"], [later])
    #expect(found.isEmpty == !leaks, "\(found)")
    rig.host.killAll()
    while rig.host.running > 0 { try rig.loop.turn() }
    try rig.expectNothingLeft()
  }
}

/// A run of somebody else at the same time, whose host turns on a thread of its own.
final class Neighbour {
  private let thread: LoopThread
  private let started = DispatchSemaphore(value: 0)
  private let gone = DispatchSemaphore(value: 0)

  init(_ order: @escaping @Sendable (Rig) -> RunOrder) throws {
    let (started, gone) = (started, gone)
    thread = try LoopThread(name: "neighbour") { loop in
      let rig = try Rig(on: loop)
      rig.host.start(order(rig)) { event in
        switch event {
        case .started: started.signal()
        case .finished: gone.signal()
        }
      }
      _ = try loop.schedule(after: .seconds(600)) { withExtendedLifetime(rig) {} }
    }
  }

  func waitUntilStarted() throws {
    try #require(started.wait(timeout: .now() + 120) == .success)
  }

  /// Ends it, if it is not over.
  func end() throws { try thread.stopAndJoin() }
}
