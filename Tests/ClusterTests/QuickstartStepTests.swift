import Foundation
import Testing

/// That no step of `Deploy/quickstart` can fail without the script failing, and naming it. Its steps are
/// played by one shell script under the programs' names, which does what is expected but for one command:
/// what is examined is the script, and only it.
@Suite(.enabled(if: Namespaces.obstacle == nil, "\(Namespaces.obstacle ?? "")"))
struct QuickstartStepTests {
  /// Answers as the real programs do where all goes well; a command that begins as $FAIL says fails.
  private static let player = """
    #!/bin/bash
    name=${0##*/}
    case "$name $*" in "$FAIL"*) exit 9 ;; esac
    case "$name $*" in
    "clawshield run"*) exec sleep 600 ;;
    "openexec run"*)
      echo '{"event":"isolation_classes"}' >&2
      exec sleep 600
      ;;
    "claw status"*) echo "executors executor/executor-1 executor/executor-2" ;;
    "claw propose report"* | "claw get"* | "claw approve 7"*"/approver-1") exit 4 ;;
    "claw propose shell"*) exit 3 ;;
    "claw ledger export"*) echo "cluster 0123" >"$3" ;;
    "python3 -c"*) echo 7 ;;
    "swift build"*"--show-bin-path") dirname "$0" ;;
    esac
    """

  private final class Stage {
    let folder = FileManager.default.temporaryDirectory.path + "/steps-\(UUID().uuidString.prefix(8))"
    /// The machines' control groups are other tests' business.
    let namespaces: Namespaces

    init() throws {
      namespaces = try Namespaces("mount -t tmpfs none /sys/fs/cgroup")
      try FileManager.default.createDirectory(atPath: folder + "/bin", withIntermediateDirectories: true)
      for name in ["clawshield", "openexec", "claw", "python3", "qemu-system-x86_64", "swift"] {
        let path = "\(folder)/bin/\(name)"
        try player.write(toFile: path, atomically: true, encoding: .utf8)
        try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
      }
      try "{}".write(toFile: folder + "/bin/digests.json", atomically: true, encoding: .utf8)
    }
    deinit {
      namespaces.end()
      try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs the quickstart where the command that begins with `failing` fails.
    func run(failing: String, isBuilt: Bool = true) throws -> Outcome {
      try Programs.run(
        "/usr/bin/nsenter",
        namespaces.entry(
          asFromShell: "/usr/bin/timeout",
          [
            "--kill-after=5", "60", "/usr/bin/env", "PATH=\(folder)/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "FAIL=\(failing)", Programs.repository.appendingPathComponent("Deploy/quickstart").path,
            "--no-install", "--dir", folder + "/run", "--images", folder + "/bin",
          ] + (isBuilt ? ["--programs", folder + "/bin"] : [])))
    }
  }

  @Test("where all goes well it succeeds, and leaves its players dead", arguments: [true, false])
  func baseline(isBuilt: Bool) throws {
    let stage = try Stage()
    let outcome = try stage.run(failing: "nothing", isBuilt: isBuilt)
    #expect(outcome.code == 0 && outcome.output.contains("stopped;"), "\(outcome.output)")
    let left = try Programs.run(
      "/usr/bin/nsenter", stage.namespaces.entry("/bin/ps", ["-e", "-o", "comm="]))
    #expect(left.code == 0 && !left.output.contains("sleep"), "\(left.output)")
  }

  @Test(
    "a step that fails is the script's failure, and is named",
    arguments: [
      ("python3 -c import cryptography", "Looking for"),
      ("swift build -c release --product openexec", "Building"),
      ("swift build -c release --show-bin-path", "Building"), ("claw init", "Founding"),
      ("clawshield run", "The parties|The executors"),
      ("openexec begin", "The executors"),
      // What runs in the background is found dead at the end of its step, or of the next.
      ("openexec run", "The executors|1. "), ("claw propose echo", "1. "),
      ("claw artifact put README", "2. "), ("claw artifact put Docs", "2. "), ("claw artifact list", "2. "),
      ("claw propose report", "2. "), ("claw get", "2. "), ("python3 -c import json", "2. "),
      ("claw pending", "2. "),
      ("claw approve 7 --reason the figures", "2. "), ("claw approve 7 --reason seen", "2. "),
      ("claw watch", "2. "), ("claw receipt", "2. "), ("claw propose shell", "3. "),
      ("claw propose add", "4. "),
      ("claw ledger export", "5. "), ("claw ledger verify", "5. "),
      ("python3 Docs/Protocol/verify.py", "5. "),
      ("claw ledger table", "What the ledger says"),
    ])
  func steps(failing: String, step: String) throws {
    let outcome = try Stage().run(failing: failing, isBuilt: !failing.hasPrefix("swift"))
    #expect(outcome.code != 0 && outcome.code != 124, "\(failing): \(outcome.output)")
    let isNamed = step.split(separator: "|").contains {
      outcome.output.contains("FAILED. This did not happen: \($0)")
    }
    #expect(isNamed, "\(failing): \(outcome.output)")
  }
}
