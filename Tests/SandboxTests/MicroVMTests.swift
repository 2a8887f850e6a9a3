import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// Real machines under emulation, a few seconds each, one after the other.
@Suite(
  "Real machines", .serialized, .enabled(if: Bench.obstacle == nil, "\(Bench.obstacle ?? "")"))
struct MicroVMTests {
  @Test("echo and add run, and what they prove of their machine is true")
  func builtInActions() throws {
    let rig = try Rig()
    let echo = rig.order(["/action", "echo"], parameters: #"{"text":"Grüße"}"#)
    let outcome = try rig.carryOut(echo)
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
    #expect(String(decoding: outcome.output, as: UTF8.self) == "{\"text\":\"Grüße\"}\n")
    #expect(outcome.guest?.answers(echo.challenge) == true)
    let add = rig.order(["/action", "add"], parameters: #"{"a":"9007199254740993","b":1}"#)
    let sum = try rig.carryOut(add)
    #expect(String(decoding: sum.output, as: UTF8.self) == "{\"sum\":\"9007199254740994\"}\n")
    #expect(sum.guest?.answers(add.challenge) == true)
    // Two machines, not one that served twice.
    #expect(sum.guest?.bootID != outcome.guest?.bootID)
    #expect(sum.guest?.answers(echo.challenge) == false)
    try rig.expectNothingLeft()
  }

  @Test("transform and report give exact results; bad parameters are a failure with a reason")
  func otherActions() throws {
    let rig = try Rig()
    let csv = rig.document(
      #"{"operation":"csv_columns","columns":["b"],"content":"a,b\n1,\"x,y\"\n"}"#, [])
    let transformed = try rig.carryOut(rig.order(["/action", "transform"], parameters: csv))
    #expect(
      String(decoding: transformed.output, as: UTF8.self)
        == "{\"content\":\"b\\n\\\"x,y\\\"\\n\",\"lines\":2}\n")
    let files = rig.document(
      #"{"files":[{"path":"b.txt","content":"two words"},{"path":"a","content":"abc"}]}"#, [])
    let report = try rig.carryOut(rig.order(["/action", "report"], parameters: files))
    let text = String(decoding: report.output, as: UTF8.self)
    #expect(text.contains(#""bytes":12,"count":2"#) || text.contains(#""bytes":12"#))
    // SHA-256 of "abc", FIPS 180-4.
    #expect(text.contains("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"))
    let wrong = try rig.carryOut(rig.order(["/action", "add"], parameters: #"{"a":1.5,"b":1}"#))
    #expect(wrong.ending == .completed(exitStatus: 65))
    #expect(String(decoding: wrong.errorOutput, as: UTF8.self).contains("a: expected a whole number"))
  }

  @Test("an action reads the files that were approved, of any size, and cannot change them")
  func inputs() throws {
    let rig = try Rig()
    let empty: [UInt8] = []
    let large = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    let inputs = [rig.input(Array("first\n".utf8)), rig.input(empty), rig.input(large)]
    let script = """
      B=/bin/busybox
      $B ls /inputs
      $B sha256sum /inputs/*
      echo x > /inputs/new; echo more >> /inputs/1-*; $B rm -f /inputs/1-*; $B chmod 777 /inputs
      $B ls -l /inputs | $B awk 'NR>1 {print $1, $3}' | $B sort -u
      $B ls /inputs | $B wc -l
      $B yes 2>/dev/null | $B head -c 8388608 >/tmp/fill 2>/dev/null
      $B wc -c </tmp/fill
      """
    let outcome = try rig.carryOut(rig.hostile(script, inputs: inputs))
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
    let lines = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").map(String.init)
    let names = inputs.indices.map { inputs[$0].fileName(at: $0) }
    try #require(lines.count == 9, "\(lines)")
    #expect(Array(lines[0..<3]) == names)
    #expect(Array(lines[3..<6]) == zip(inputs, names).map { "\($0.digest.hex)  /inputs/\($1)" })
    #expect(lines[6] == "-r--r--r-- 0" || lines[6].hasPrefix("-r--r--r-- root"))
    #expect(lines[7] == "3")
    // What the inputs take is taken off the disk of 8 MiB.
    let free = try #require(Int(lines[8]))
    #expect(free > 4 << 20 && free < (8 << 20) - 2_900_000, "\(free)")
    try rig.expectNothingLeft()
  }

  @Test("transform works on a submitted file, report on those of a workspace")
  func actionsOnFiles() throws {
    let rig = try Rig()
    let csv = rig.input(Array("a,b\n1,2\n".utf8), name: "data/counts.csv", type: "text/csv")
    let picked = #"{"operation":"csv_columns","columns":["b"]}"#
    let transformed = try rig.carryOut(
      rig.order(["/action", "transform"], parameters: rig.document(picked, [csv]), inputs: [csv]))
    #expect(String(decoding: transformed.output, as: UTF8.self) == "{\"content\":\"b\\n2\\n\",\"lines\":2}\n")
    let files = [
      csv, rig.input(Array("two words".utf8), name: "notes.md", type: "text/markdown"),
      rig.input([0xFF, 0xFE, 0], name: "notes.md", type: "application/octet-stream"),
    ]
    let report = try rig.carryOut(
      rig.order(["/action", "report"], parameters: rig.document("{}", files), inputs: files))
    let text = String(decoding: report.output, as: UTF8.self)
    #expect(report.ending == .completed(exitStatus: 0), "\(text)")
    for part in [
      #""bytes":20,"count":3"#, #""lines":3"#, #""words":4"#, #""labels":{"acme":3}"#,
      #""by_extension":{"csv":1,"md":2}"#, #""text/csv":1"#, #""same_content":{}"#,
      #""same_name":{"notes.md":["#, #""largest":{"bytes":9,"path":"notes.md"}"#, #""is_text":false"#,
    ] {
      #expect(
        text.contains(part) || part.hasPrefix(#""bytes":20"#) && text.contains(#""bytes":20"#),
        "\(part): \(text)")
    }
    let both = try rig.carryOut(
      rig.order(
        ["/action", "transform"],
        parameters: rig.document(#"{"operation":"uppercase","content":"x"}"#, [csv]), inputs: [csv]))
    #expect(both.ending == .completed(exitStatus: 65))
  }

  @Test("an action sees no network, no host, no device, and can write to one bounded place only")
  func isolation() throws {
    let rig = try Rig()
    let canary = "/run/openexec-canary-\(UUID())"
    let secret = "canary-\(UUID())"
    try secret.write(toFile: canary, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: canary) }
    let script = """
      B=/bin/busybox
      echo interfaces $($B ls /sys/class/net 2>/dev/null; $B sed -n '3,$p' /proc/net/dev | $B cut -d: -f1)
      $B nc -w 2 169.254.169.254 80 2>&1 < /dev/null
      echo canary $($B cat \(canary) 2>&1)
      echo whoami $($B id -u) $($B grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status | $B tr '\\n\\t' '  ')
      echo devices $($B ls /dev)
      echo x 2>/dev/null > /escape || echo root is read-only
      $B mount -t tmpfs none /tmp 2>&1 | $B head -1
      echo parent $($B cat /proc/1/environ 2>&1 | $B head -c 80)
      $B dd if=/dev/urandom of=/tmp/fill bs=65536 count=400 2>&1 | $B tail -3
      $B ls -l /tmp/fill
      """
    let before = try Bench.digest("\(rig.images.folder)/hostile.cpio")
    let outcome = try rig.carryOut(rig.hostile(script))
    let output = String(decoding: outcome.output, as: UTF8.self)
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
    #expect(output.contains("interfaces lo\n"), "\(output)")
    #expect(output.contains("unreachable"), "\(output)")
    #expect(!output.contains(secret))
    #expect(output.contains("whoami 65534"))
    #expect(output.contains("CapBnd: 0000000000000000"), "\(output)")
    #expect(output.contains("CapEff: 0000000000000000"), "\(output)")
    #expect(output.contains("NoNewPrivs: 1"), "\(output)")
    #expect(output.contains("devices null urandom\n"), "\(output)")
    #expect(output.contains("root is read-only"))
    #expect(output.contains("No space left on device"), "\(output)")
    #expect(output.contains(" 8388608 "), "\(output)")
    #expect(try Bench.digest("\(rig.images.folder)/hostile.cpio") == before)
    try rig.expectNothingLeft()
  }

  @Test("a fork bomb and a memory hog meet their limits, and the guest still says how it went")
  func resourceLimits() throws {
    let rig = try Rig()
    let bomb = """
      B=/bin/busybox
      i=0; while [ $i -lt 200 ]; do $B sleep 60 >/dev/null 2>&1 & i=$((i+1)); done
      echo processes $($B ls /proc | $B grep -c '^[0-9]')
      """
    let forked = try rig.carryOut(rig.hostile("(\(bomb)) 2>&1"))
    let output = String(decoding: forked.output, as: UTF8.self)
    #expect(output.contains("can't fork"), "\(forked.ending) \(output)")
    let hog = "/bin/busybox tail -c 500000000 /dev/zero 2>&1 < /dev/null; x=$(/bin/busybox yes); echo $?"
    let limits = ActionLimits(
      wallSeconds: 60, memoryMiB: 32, processes: 16, outputBytes: 4_096, diskMiB: 1)
    let hungry = try rig.carryOut(rig.hostile(hog, limits: limits))
    #expect(hungry.ending != .completed(exitStatus: 0) && hungry.ending != .wallClock)
    #expect(hungry.guest != nil)
    try rig.expectNothingLeft()
  }

  @Test("a flood of output is cut in the middle, and the cut is marked")
  func flood() throws {
    let rig = try Rig()
    let outcome = try rig.carryOut(
      rig.hostile("echo first; /bin/busybox yes | /bin/busybox head -c 3000000; echo last"))
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
    #expect(outcome.truncated)
    let output = String(decoding: outcome.output, as: UTF8.self)
    #expect(output.hasPrefix("first\n") && output.hasSuffix("last\n"))
    #expect(output.contains("bytes cut here]"))
    #expect(outcome.output.count < (64 << 10) + 100)
  }

  @Test("the wall clock ends a run, and nothing is left of it")
  func wallClock() throws {
    let rig = try Rig()
    let limits = ActionLimits(
      wallSeconds: 2, memoryMiB: 32, processes: 16, outputBytes: 4_096, diskMiB: 1)
    let outcome = try rig.carryOut(
      rig.hostile("echo begun; /bin/busybox sleep 1000", limits: limits))
    #expect(outcome.ending == .wallClock)
    #expect(String(decoding: outcome.output, as: UTF8.self) == "begun\n")
    try rig.expectNothingLeft()
  }

  @Test("a machine that dies, or is killed as asked, is an error and never a success")
  func deaths() throws {
    let rig = try Rig()
    let died = try rig.carryOut(rig.hostile("/bin/busybox sleep 1000")) { rig in
      // The one machine of this host.
      for pid in rig.machineProcesses() { kill(pid, SIGKILL) }
    }
    guard case .sandboxFailed(let why) = died.ending else {
      Issue.record("expected a failure, came \(died.ending)")
      return
    }
    #expect(why.contains("ended before"))
    try rig.expectNothingLeft()
    let order = rig.hostile("/bin/busybox sleep 1000")
    let killed = try rig.carryOut(order) { $0.host.kill(order.id) }
    #expect(killed.ending == .killed)
    try rig.expectNothingLeft()
  }

  @Test("a machine has its own user, namespaces and root, no capability, and declared descriptors only")
  func jail() throws {
    let rig = try Rig()
    let order = rig.hostile("/bin/busybox sleep 1000")
    var status = ""
    var descriptors: [String] = []
    var namespaces: [(String, String)] = []
    var root: [String] = []
    var (mounts, groups, limits) = ("", "", "")
    let outcome = try rig.carryOut(order) { rig in
      guard let pid = rig.host.processID(of: order.id) else { return }
      let manager = FileManager.default
      status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
      descriptors =
        (try? manager.contentsOfDirectory(atPath: "/proc/\(pid)/fd"))?.map {
          (try? manager.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\($0)")) ?? ""
        } ?? []
      for name in ["mnt", "pid", "net", "ipc", "uts", "cgroup"] {
        namespaces.append(
          (
            (try? manager.destinationOfSymbolicLink(atPath: "/proc/\(pid)/ns/\(name)")) ?? "",
            (try? manager.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(name)")) ?? ""
          ))
      }
      func read(_ name: String) -> String {
        (try? String(contentsOfFile: "/proc/\(pid)/\(name)", encoding: .utf8)) ?? ""
      }
      (mounts, groups, limits) = (read("mountinfo"), read("cgroup"), read("limits"))
      root = ((try? manager.contentsOfDirectory(atPath: "/proc/\(pid)/root")) ?? []).sorted()
      rig.host.kill(order.id)
    }
    #expect(outcome.ending == .killed)
    #expect(status.contains("Uid:\t20"), "\(status)")
    #expect(status.contains("CapBnd:\t0000000000000000"))
    #expect(status.contains("NoNewPrivs:\t1"))
    #expect(status.contains("Seccomp:\t2"))
    #expect(namespaces.count == 6)
    for (inside, outside) in namespaces { #expect(!inside.isEmpty && inside != outside) }
    // Nothing can be written, the root itself included; every group is its own.
    let points = mounts.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(points.contains { $0[4] == "/" } && points.count > 4, "\(mounts)")
    for point in points where point[4] != "/dev/kvm" {
      #expect(point[5].hasPrefix("ro,nosuid,nodev"), "\(point)")
    }
    let bounded = groups.split(separator: "\n").filter { $0.contains(rig.host.groupPrefix) }
    #expect(bounded.count == ControlGroup.usableControllers().count || bounded.count == 1, "\(groups)")
    for (limit, value) in [
      ("Max file size", "0"), ("Max core file size", "0"), ("Max processes", "64"), ("Max open files", "64"),
      ("Max locked memory", "0"), ("Max msgqueue size", "0"),
    ] {
      let line = limits.split(separator: "\n").first { $0.hasPrefix(limit) } ?? ""
      let words = line.dropFirst(limit.count).split(separator: " ")
      #expect(words.prefix(2) == [Substring(value), Substring(value)], "\(line)")
    }
    #expect(root == ["initramfs", "kernel", "lib", "lib64", "usr"])
    for descriptor in descriptors {
      let isKnown = ["/dev/null", "socket:", "pipe:", "anon_inode:"].contains {
        descriptor.hasPrefix($0)
      }
      #expect(isKnown, "\(descriptor)")
    }
    #expect(descriptors.count { $0.hasPrefix("socket:") } == 1)
  }

  @Test("the preflight boots what it calls active, and falls back where KVM does not answer")
  func preflight() throws {
    let rig = try Rig()
    var report: PreflightReport?
    rig.host.preflight { report = $0 }
    while report == nil { try rig.loop.turn() }
    let found = try #require(report)
    #expect(found.classes.map(\.isolationClass) == [.microvmKVM, .microvmTCG])
    #expect(found.active.contains(.microvmTCG), "\(found.table)")
    let kvm = found.classes[0]
    #expect(kvm.isActive || !kvm.remedy.isEmpty)
    print(found.table)
    try rig.expectNothingLeft()
    // Asked again, KVM is not booted again: the answer of this boot is remembered.
    let begun = ContinuousClock.now
    var second: ClassFinding?
    rig.host.probeKVM { second = $0 }
    while second == nil { try rig.loop.turn() }
    #expect(second?.isActive == kvm.isActive)
    #expect(ContinuousClock.now - begun < .seconds(1))
  }
}
