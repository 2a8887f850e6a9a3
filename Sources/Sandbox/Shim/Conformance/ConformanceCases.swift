import OpenExec
import Records

extension ConformanceCase {
  /// All cases. `canary` is a file of the host with a content that nothing inside may ever show.
  static func all(canary: String, secret: String) -> [ConformanceCase] {
    conversation + isolation(canary: canary, secret: secret) + bounds + ends
  }

  // MARK: What a run is given and gives

  private static var conversation: [ConformanceCase] {
    [
      ConformanceCase(
        "parameters", "parameters reach the action's standard input to its end, its output comes back whole",
        ["/bin/busybox", "cat"], judge: says(#"{"conformance":true}"#)),
      ConformanceCase(
        "exit_status", "the action's exit status is told by its guest", script: "exit 7",
        judge: ends(.completed(exitStatus: 7))),
      ConformanceCase(
        "standard_error", "standard error is kept apart", script: "echo out; echo err >&2"
      ) { outcome in
        says("out\n")(outcome)
          ?? (outcome.errorOutput == Array("err\n".utf8) ? nil : "standard error was lost")
      },
      ConformanceCase(
        "missing_program", "a program that is not there is told as such, not as a status", ["/bin/nothing"],
        judge: fails),
      ConformanceCase(
        "empty_environment", "the action has no environment", ["/bin/busybox", "env"], judge: says("")),
      ConformanceCase(
        "descriptors", "the action has three descriptors, and its working folder is its own",
        script: "cd /proc/self/fd && echo [0-9]* && $B readlink /proc/$$/cwd", judge: descriptors),
      ConformanceCase(
        "inputs", "inputs can be read and not be changed",
        script: """
          $B cat /inputs/*
          (echo x > /inputs/new; echo more >> /inputs/1-*; $B rm -f /inputs/1-*; $B chmod 777 /inputs) 2>/dev/null
          $B cat /inputs/*; $B ls /inputs | $B wc -l
          """, input: Array("given\n".utf8), judge: says("given\ngiven\n1\n")),
    ]
  }

  /// The shell has the folder that it lists open as well.
  private static func descriptors(_ outcome: RunOutcome) -> String? {
    let said = String(decoding: outcome.output, as: UTF8.self)
    let lines = said.split(separator: "\n").map(String.init)
    guard outcome.ending == .completed(exitStatus: 0), lines.count == 2, lines[0].hasPrefix("0 1 2") else {
      return "ended: \(outcome.ending), found \(said.prefix(200).debugDescription)"
    }
    let more = lines[0].split(separator: " ").count - 3
    return more <= 1 ? nil : "found descriptors \(lines[0])"
  }

  // MARK: What it cannot reach

  private static func isolation(canary: String, secret: String) -> [ConformanceCase] {
    [
      ConformanceCase(
        "no_network", "there is no interface but lo",
        script: "$B sed -n '3,$p' /proc/net/dev | $B cut -d: -f1 | $B tr -d ' '", judge: says("lo\n")),
      ConformanceCase(
        "no_metadata_service", "169.254.169.254 cannot be reached",
        script: "$B nc -w 2 169.254.169.254 80 </dev/null 2>/dev/null && echo reached || echo no",
        judge: says("no\n")),
      ConformanceCase(
        "no_host_files", "a file of the host cannot be read, by its path or through /proc",
        script: "$B cat \(canary) /proc/1/root\(canary) /proc/1/cwd/..\(canary) 2>/dev/null; echo end"
      ) { outcome in
        let said = String(decoding: outcome.output + outcome.errorOutput, as: UTF8.self)
        return said.contains(secret) ? "the host's file was read" : says("end\n")(outcome)
      },
      ConformanceCase(
        "no_capabilities", "the action has no capability in any set",
        script: "$B grep -E '^Cap' /proc/self/status | $B grep -v 0000000000000000; echo end",
        judge: says("end\n")),
      ConformanceCase(
        "no_new_privileges", "no program gives the action more than it has",
        script: "$B grep NoNewPrivs /proc/self/status | $B tr '\\t' ' '", judge: says("NoNewPrivs: 1\n")),
      ConformanceCase(
        "system_call_filter", "a filter of system calls is on",
        script: "$B grep -E '^Seccomp:' /proc/self/status | $B tr '\\t' ' '", judge: says("Seccomp: 2\n")),
      ConformanceCase(
        "no_mounts", "the action cannot mount, make namespaces, or change its root",
        script: """
          $B mount -t tmpfs none /tmp 2>/dev/null && echo mounted
          for kind in -U -m -n -p -i -u; do $B unshare $kind true 2>/dev/null && echo unshared $kind; done
          $B chroot / true 2>/dev/null && echo changed
          echo end
          """, judge: says("end\n")),
      ConformanceCase(
        "read_only_root", "nothing but /tmp can be written",
        script: """
          for place in / /bin /etc /dev /proc/sys/kernel /inputs /.openexec; do
            (echo x > $place/written) 2>/dev/null && echo wrote $place
          done
          echo x > /tmp/written && $B cat /tmp/written
          """, judge: says("x\n")),
      ConformanceCase(
        "no_devices", "there is no device of the host's disks, memory or machines",
        script:
          "$B ls /dev | $B grep -E '^(sd|vd|nvme|loop|dm-|kvm|mem|kmem|port|vhost|vsock|fuse|tun)'; echo end",
        judge: says("end\n")),
      ConformanceCase(
        "guest_out_of_reach", "the action cannot look into the first process, take its channel, or end it",
        script: """
          $B cat /proc/1/environ /proc/1/mem 2>/dev/null; $B ls /proc/1/fd 2>/dev/null
          (echo forged > /proc/1/fd/1) 2>/dev/null && echo forged
          $B kill -9 1 2>/dev/null && echo killed; echo end
          """, judge: says("end\n")),
      ConformanceCase(
        "own_processes", "no process but the run's own is seen",
        script: "$B ls /proc | $B grep -c '^[0-9]'"
      ) { outcome in
        let count = Int(String(decoding: outcome.output, as: UTF8.self).filter(\.isNumber)) ?? .max
        return count <= 6 ? nil : "\(count) processes are seen"
      },
      ConformanceCase(
        "no_execution_in_tmp", "what is written cannot be executed",
        script:
          "$B cp /bin/busybox /tmp/true && $B chmod 755 /tmp/true && /tmp/true 2>/dev/null && echo ran; echo end",
        judge: says("end\n")),
    ]
  }

  // MARK: What it cannot have more of

  private static var bounds: [ConformanceCase] {
    [
      ConformanceCase(
        "disk_bound", "writing ends at the limit",
        script: "$B head -c 16777216 /dev/zero > /tmp/fill 2>/dev/null; $B wc -c < /tmp/fill",
        judge: says("8388608\n")),
      ConformanceCase(
        "process_bound", "a fork bomb meets its limit, and the guest still says how it went",
        script: """
          (i=0; while [ $i -lt 200 ]; do $B sleep 30 & i=$((i+1)); done) >/dev/null 2>/tmp/said
          $B grep -c fork /tmp/said
          """
      ) { outcome in
        let said = String(decoding: outcome.output, as: UTF8.self)
        if case .completed = outcome.ending, said.hasPrefix("1") { return nil }
        return "ended: \(outcome.ending), found \(said.debugDescription)"
      },
      ConformanceCase(
        "memory_bound", "more memory than the limit, in many processes, ends the run and is told as that",
        script: """
          # A shell that finds no memory for one more process ends at once; those before it go on.
          (i=0; while [ $i -lt 4 ]; do $B timeout 9 $B tail -c 40000000 /dev/zero & i=$((i+1)); done; wait) || $B sleep 9
          exit 137
          """, judge: ends(.outOfMemory)),
      ConformanceCase(
        "output_bound", "a flood of output is cut in the middle and the cut is marked",
        script: "echo first; $B yes | $B head -c 1000000; echo last"
      ) { outcome in
        let said = String(decoding: outcome.output, as: UTF8.self)
        let isCut = outcome.truncated && said.hasPrefix("first\n") && said.hasSuffix("last\n")
        return isCut && outcome.output.count < 17 << 10
          ? nil : "ended: \(outcome.ending), \(said.utf8.count) bytes"
      },
      ConformanceCase(
        "wall_clock", "a run ends at its wall clock", script: "trap '' TERM INT HUP; $B sleep 1000",
        limits: ActionLimits(wallSeconds: 2, memoryMiB: 32, processes: 16, outputBytes: 1_024, diskMiB: 1),
        judge: ends(.wallClock)),
    ]
  }

  // MARK: How it can end

  private static var ends: [ConformanceCase] {
    [
      ConformanceCase(
        "kill", "a run ends when it is told to", script: "trap '' TERM INT HUP; $B sleep 1000",
        interference: .kill, judge: ends(.killed)),
      ConformanceCase(
        "task_killed", "a task whose processes are killed from outside is a failure, whatever status is told",
        script: "$B sleep 1000", interference: .killTask, judge: fails),
      ConformanceCase(
        "shim_killed", "a run whose shim is killed is a failure", script: "$B sleep 1000",
        interference: .killShim, judge: fails),
    ]
  }
}
