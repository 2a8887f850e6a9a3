import Crypto
import Foundation
import OpenExec
import Records
import Synchronization
import Testing

@testable import Sandbox

/// Real tasks in Debian's shim for runc, one after the other.
@Suite(
  "Tasks of runc", .serialized, .enabled(if: ShimBench.obstacle == nil, "\(ShimBench.obstacle ?? "")"))
struct ShimRunTests {
  @Test("an action runs, its parameters reach it, and what its guest says is proven")
  func plain() throws {
    let rig = try ShimRig()
    let order = rig.order(["/bin/busybox", "cat"], parameters: #"{"text":"Grüße"}"#)
    let begun = ContinuousClock.now
    let outcome = try rig.carryOut(order)
    print("a run took \(ContinuousClock.now - begun)")
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
    #expect(String(decoding: outcome.output, as: UTF8.self) == #"{"text":"Grüße"}"#)
    #expect(outcome.guest?.answers(order.challenge) == true)
    rig.expectNothingLeft()
    let failed = try rig.carryOut(rig.script("echo reason >&2; exit 7"))
    #expect(failed.ending == .completed(exitStatus: 7), "\(failed.ending)")
    #expect(String(decoding: failed.errorOutput, as: UTF8.self) == "reason\n")
    let missing = try rig.carryOut(rig.order(["/bin/nothing"]))
    guard case .sandboxFailed(let why) = missing.ending else {
      Issue.record("it ran: \(missing.ending)")
      return
    }
    #expect(why.contains("/bin/nothing"))
    rig.expectNothingLeft()
  }

  @Test("an action reads the files that were approved, of any size, and cannot change them")
  func inputs() throws {
    let rig = try ShimRig()
    let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let inputs = [Array("first\n".utf8), [], large].map { content in
      RunInput(digest: SHA256.hash(content), name: "", mediaType: "text/plain", labels: [], content: content)
    }
    let text = """
      B=/bin/busybox
      $B sha256sum /inputs/*
      echo x > /inputs/new; echo more >> /inputs/1-*; $B rm -f /inputs/1-*; $B chmod 777 /inputs
      $B ls -l /inputs | $B awk 'NR>1 {print $1, $3}' | $B sort -u
      $B ls /inputs | $B wc -l
      $B yes 2>/dev/null | $B head -c 8388608 >/tmp/fill 2>/dev/null
      $B wc -c </tmp/fill
      """
    let outcome = try rig.carryOut(rig.script(text, inputs: inputs))
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
    let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").map(String.init)
    try #require(lines.count == 6, "\(lines)")
    #expect(
      Array(lines[0..<3])
        == inputs.enumerated().map { "\($1.digest.hex)  /inputs/\($1.fileName(at: $0))" })
    #expect(lines[3] == "-r--r--r-- 0")
    #expect(lines[4] == "3")
    let free = try #require(Int(lines[5]))
    #expect(free >= 4 << 20 && free < (8 << 20) - 2_900_000, "\(free)")
    rig.expectNothingLeft()
  }

  @Test("an action sees no network, no host and no device, has no power, and can write to one bounded place")
  func isolation() throws {
    let rig = try ShimRig()
    let canary = "/run/openexec-canary-\(UUID())"
    let secret = "canary-\(UUID())"
    try secret.write(toFile: canary, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: canary) }
    let text = """
      B=/bin/busybox
      echo interfaces $($B sed -n '3,$p' /proc/net/dev | $B cut -d: -f1)
      $B nc -w 2 169.254.169.254 80 2>&1 < /dev/null
      echo canary $($B cat \(canary) 2>&1)
      echo whoami $($B id -u) $($B id -G) $($B grep -E 'Cap|NoNewPrivs|Seccomp:' /proc/self/status | $B tr '\\n\\t' '  ')
      echo disks $($B ls /dev | $B grep -E 'sd|vd|kvm|mem|port|loop' | $B wc -l)
      echo x 2>/dev/null > /escape || echo root is read-only
      echo x 2>/dev/null > /bin/new || echo image is read-only
      $B mount -t tmpfs none /tmp 2>&1 | $B head -1
      $B unshare -U true 2>&1 | $B head -1
      $B chroot / true 2>&1 | $B head -1
      echo entry $($B cat /proc/1/environ 2>&1 | $B head -c 80) $($B ls /proc/1/fd 2>&1 | $B head -c 80)
      $B kill -9 1 2>&1
      $B dmesg 2>&1 | $B head -1
      echo tasks $($B ls /proc | $B grep -c '^[0-9]')
      $B dd if=/dev/urandom of=/tmp/fill bs=65536 count=400 2>&1 | $B tail -3
      $B ls -l /tmp/fill
      echo '#!/bin/sh' > /tmp/x; $B chmod 755 /tmp/x; /tmp/x 2>&1
      """
    let outcome = try rig.carryOut(rig.script(text))
    let output = String(decoding: outcome.output, as: UTF8.self)
    #expect(outcome.ending == .completed(exitStatus: 126), "\(outcome.ending)")
    #expect(output.contains("interfaces lo\n"), "\(output)")
    #expect(output.contains("nreachable"), "\(output)")
    #expect(!output.contains(secret))
    #expect(output.contains("whoami 65534 65534"))
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
      #expect(output.contains("\(set): 0000000000000000"), "\(output)")
    }
    #expect(output.contains("NoNewPrivs: 1") && output.contains("Seccomp: 2"), "\(output)")
    #expect(output.contains("disks 0\n"))
    #expect(output.contains("root is read-only") && output.contains("image is read-only"))
    #expect(
      output.components(separatedBy: "ermission denied").count
        + output.components(separatedBy: "not permitted").count > 6, "\(output)")
    #expect(output.contains("No space left on device"), "\(output)")
    #expect(output.contains(" 8388608 "), "\(output)")
    rig.expectNothingLeft()
  }

  @Test("a fork bomb, a hog of memory and a flood meet their limits, and are told as what they are")
  func limits() throws {
    let rig = try ShimRig()
    let bomb = "i=0; while [ $i -lt 200 ]; do /bin/busybox sleep 60 >/dev/null 2>&1 & i=$((i+1)); done"
    let forked = try rig.carryOut(rig.script("(\(bomb)) 2>&1"))
    let said = String(decoding: forked.output, as: UTF8.self)
    #expect(said.contains("can't fork"), "\(forked.ending) \(said)")
    // More than its limit in many processes, each of which has less than what one may have, and with their timers
    // fewer than there may be. A shell that finds no memory for one more ends at once; those before it go on.
    let hog = """
      (i=0; while [ $i -lt 4 ]; do /bin/busybox timeout 9 /bin/busybox tail -c 40000000 /dev/zero & i=$((i+1)); done; wait) ||
        /bin/busybox sleep 9
      exit 137
      """
    let hungry = try rig.carryOut(rig.script(hog))
    #expect(hungry.ending == .outOfMemory, "\(hungry.ending)")
    let flood = try rig.carryOut(
      rig.script("echo first; /bin/busybox yes | /bin/busybox head -c 1000000; echo last"))
    #expect(flood.ending == .completed(exitStatus: 0), "\(flood.ending)")
    #expect(flood.truncated)
    let output = String(decoding: flood.output, as: UTF8.self)
    #expect(output.hasPrefix("first\n") && output.hasSuffix("last\n") && output.contains("bytes cut here]"))
    #expect(flood.output.count < (64 << 10) + 100)
    rig.expectNothingLeft()
  }

  @Test("the wall clock, and a kill as asked, end a run, and nothing is left of it")
  func ends() throws {
    let rig = try ShimRig()
    let limits = ActionLimits(wallSeconds: 2, memoryMiB: 32, processes: 16, outputBytes: 4_096, diskMiB: 1)
    let late = try rig.carryOut(rig.script("echo begun; /bin/busybox sleep 1000", limits: limits))
    #expect(late.ending == .wallClock, "\(late.ending)")
    #expect(String(decoding: late.output, as: UTF8.self) == "begun\n")
    rig.expectNothingLeft()
    let order = rig.script("trap '' TERM INT; /bin/busybox sleep 1000")
    let killed = try rig.carryOut(order) { $0.host.kill(order.id) }
    #expect(killed.ending == .killed, "\(killed.ending)")
    rig.expectNothingLeft()
  }

  @Test("a shim that is killed in the middle of a run is an error, never a success, and leaves nothing")
  func shimKilled() throws {
    let rig = try ShimRig()
    let order = rig.script("/bin/busybox sleep 1000")
    let outcome = try rig.carryOut(order) { rig in
      let shim = rig.host.shimProcess(of: order.id) ?? 0
      #expect(shim > 1)
      kill(shim, SIGKILL)
    }
    guard case .sandboxFailed(let why) = outcome.ending else {
      Issue.record("expected a failure, came \(outcome.ending)")
      return
    }
    #expect(why.contains("ended"), "\(why)")
    rig.expectNothingLeft()
  }

  @Test("a task whose first process is killed from outside is an error, whatever the shim says of it")
  func guestKilled() throws {
    let rig = try ShimRig()
    let outcome = try rig.carryOut(rig.script("/bin/busybox sleep 1000")) { rig in
      for pid in TaskGroup.processes(rig.host.groupParent) { kill(pid, SIGKILL) }
    }
    guard case .sandboxFailed(let why) = outcome.ending else {
      Issue.record("expected a failure, came \(outcome.ending)")
      return
    }
    #expect(why.contains("before its guest had said"), "\(why)")
    rig.expectNothingLeft()
  }

  @Test("a host that dies leaves tasks running; the next one of its folder ends and removes them")
  func orphans() throws {
    let folder = "/run/oe-\(UUID().uuidString.prefix(13))"
    try { () throws in
      let rig = try ShimRig(folder: folder)
      var isUp = false
      rig.host.start(rig.script("/bin/busybox sleep 1000")) { event in
        if case .started = event { isUp = true }
      }
      while !isUp { try rig.loop.turn() }
      #expect(!rig.host.traces.isEmpty)
      // As sudden as a kill: nothing of the host's own clean-up runs, and its folder stays.
      rig.abandon()
    }()
    let rig = try ShimRig(folder: folder)
    #expect(rig.host.orphans == 1)
    while rig.host.orphans > 0 { try rig.loop.turn() }
    rig.expectNothingLeft()
    let next = try rig.carryOut(rig.script("echo well"))
    #expect(next.ending == .completed(exitStatus: 0))
  }

  @Test(
    "what somebody writes into an image's root is found before the next run, and what the run gave is void")
  func persistence() throws {
    let rig = try ShimRig()
    let first = try rig.carryOut(rig.script("/bin/busybox true"))
    #expect(first.ending == .completed(exitStatus: 0))
    let order = rig.script("/bin/busybox true")
    let root = try rig.host.roots.root(rig.images.busybox).path
    let outcome = try rig.carryOut(order) { _ in
      try? "left".write(toFile: root + "/left", atomically: false, encoding: .utf8)
    }
    guard case .sandboxFailed(let why) = outcome.ending else {
      Issue.record("it counted: \(outcome.ending)")
      return
    }
    #expect(why.hasPrefix("after the run"))
    let next = try rig.carryOut(rig.script("/bin/busybox true"))
    guard case .sandboxFailed = next.ending else {
      Issue.record("the root was used again: \(next.ending)")
      return
    }
    rig.expectNothingLeft()
  }

  @Test("the preflight runs what it calls active and says what is missing of the rest")
  func preflight() throws {
    let rig = try ShimRig()
    var report: PreflightReport?
    rig.host.preflight { report = $0 }
    while report == nil { try rig.loop.turn() }
    let found = try #require(report)
    #expect(found.classes.map(\.isolationClass) == [.kata, .container])
    #expect(found.active.contains(.container), "\(found.table)")
    #expect(found.classes[0].isActive || !found.classes[0].remedy.isEmpty)
    print(found.table)
    rig.expectNothingLeft()
  }

  @Test("an image that is not installed, and a class without its runtime, are errors and no runs")
  func unfit() throws {
    let rig = try ShimRig { $0.container = ShimSettings.Runtime("io.containerd.nothing.v2") }
    let absent = "sha256:" + String(repeating: "0", count: 64)
    let missing = try rig.carryOut(rig.order(["/x"], image: absent))
    #expect(missing.ending == .sandboxFailed("no image \(absent) is here"), "\(missing.ending)")
    let none = try rig.carryOut(rig.script("true"))
    guard case .sandboxFailed(let why) = none.ending else {
      Issue.record("it ran")
      return
    }
    #expect(why.contains("containerd-shim-nothing-v2"))
    rig.expectNothingLeft()
  }

  @Test("a root on a block device that can only be read serves as a folder does, and no device stays")
  func blockRoot() throws {
    let rig = try ShimRig { $0.container = ShimSettings.Runtime("io.containerd.runc.v2", root: .block) }
    let text = """
      /bin/busybox grep ' / ' /proc/self/mounts | /bin/busybox cut -d' ' -f3
      (echo x > /bin/written) 2>/dev/null && echo written
      echo end
      """
    for _ in 0..<2 {
      let outcome = try rig.carryOut(rig.script(text))
      #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
      #expect(String(decoding: outcome.output, as: UTF8.self) == "ext4\nend\n")
      rig.expectNothingLeft()
    }
    let backing = Folders.names("/sys/block").filter { $0.hasPrefix("loop") }.compactMap {
      Folders.readKernelFile("/sys/block/\($0)/loop/backing_file")
    }
    #expect(!backing.contains { $0.contains(rig.roots) }, "\(backing)")
  }

  @Test("while an image is measured the executor goes on; a run that is killed meanwhile never starts")
  func imagesElsewhere() throws {
    let rig = try ShimRig()
    let roots = rig.host.roots
    let isHeld = DispatchSemaphore(value: 0)
    let release = DispatchSemaphore(value: 0)
    let isLate = Mutex(false)
    Thread {
      try? roots.locked { _ in
        isHeld.signal()
        // As long as a very large image takes.
        isLate.withLock { $0 = release.wait(timeout: .now() + 10) == .timedOut }
      }
    }.start()
    isHeld.wait()
    var ends: [RunEnding] = []
    let orders = [rig.script("echo well"), rig.script("echo never")]
    for order in orders {
      rig.host.start(order) { event in
        if case .finished(_, let outcome) = event { ends.append(outcome.ending) }
      }
    }
    rig.host.kill(orders[1].id)
    while ends.isEmpty { try rig.loop.turn() }
    release.signal()
    #expect(ends == [.killed] && rig.host.running == 1)
    while ends.count < 2 { try rig.loop.turn() }
    #expect(ends == [.killed, .completed(exitStatus: 0)])
    #expect(!isLate.withLock { $0 }, "the loop waited for the image")
    rig.expectNothingLeft()
  }
}
