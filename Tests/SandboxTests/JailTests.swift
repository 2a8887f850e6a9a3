import EventLoop
import Foundation
import Glibc
import Testing

@testable import Sandbox

/// What a jail is made of and what a process in it has, with busybox in QEMU's place.
@Suite(
  "Jail", .serialized,
  .enabled(
    if: geteuid() == 0 && FileManager.default.isExecutableFile(atPath: "/bin/busybox"),
    "jails are made by root, and busybox is needed"))
struct JailTests {
  private let folder = NSTemporaryDirectory() + "openexec-jail-\(UUID())"
  private let user: UInt32 = 3_210_001
  private let group: UInt32 = 3_210_002

  private func jail() throws -> Jail {
    let jail = try Jail(
      folder: folder, program: "/bin/busybox", files: [("/etc/hostname", "kernel")], devices: ["/dev/zero"])
    try jail.place([Array("of this ".utf8), Array("run".utf8)], "initramfs")
    return jail
  }

  private func plan(_ jail: Jail, _ script: String) -> SpawnPlan {
    var plan = SpawnPlan(path: "/bin/busybox", arguments: ["busybox", "sh", "-c", script])
    plan.confinement = jail.confinement(user: user, group: group, controlGroups: [])
    return plan
  }

  /// What a script in the jail says.
  private func run(_ script: String) throws -> String {
    let jail = try jail()
    defer { jail.remove() }
    let loop = try EventLoop()
    let pipe = Pipe()
    var plan = plan(jail, script)
    plan.descriptors = [nil, pipe.fileHandleForWriting.fileDescriptor, nil]
    var outcome: ExitOutcome?
    _ = try loop.spawn(plan) { outcome = $0 }
    while outcome == nil { try loop.turn() }
    try pipe.fileHandleForWriting.close()
    loop.end()
    return String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  }

  @Test("its root holds what was declared, and can be written nowhere")
  func root() throws {
    let said = try run(
      """
      B=/bin/busybox
      $B ls / | $B tr '\\n' ' '; $B ls /bin /dev | $B tr '\\n' ' '; echo
      $B cat /initramfs; echo; $B head -c 3 /dev/zero | $B wc -c
      for place in / /bin /usr/lib /dev /kernel /initramfs; do
        if [ -d $place ]; then $B touch $place/new; else echo x >>$place; fi
        echo $place $?
      done
      """
    ).split(separator: "\n").map(String.init)
    try #require(said.count == 9, "\(said)")
    let declared = ["bin", "dev", "initramfs", "kernel", "usr"]
    let linked = ["lib", "lib64"].filter { Folders.exists("/\($0)") }
    #expect(said[0] == (declared + linked).sorted().joined(separator: " ") + " /bin: busybox  /dev: zero ")
    #expect(said[1] == "of this run" && said[2] == "3")
    for line in said[3...] { #expect(!line.hasSuffix(" 0"), "\(line)") }
    #expect(!Folders.exists(folder))
  }

  @Test("its process has a user, namespaces and bounds of its own, and no way to more")
  func process() throws {
    let jail = try jail()
    defer { jail.remove() }
    let loop = try EventLoop()
    var outcome: ExitOutcome?
    let child = try loop.spawn(plan(jail, "exec /bin/busybox sleep 100")) { outcome = $0 }
    let number = try #require(loop.processID(of: child))
    func read(_ name: String) throws -> [String] {
      try String(contentsOfFile: "/proc/\(number)/\(name)", encoding: .utf8).split(separator: "\n").map(
        String.init)
    }
    let status = try read("status")
    for line in [
      "Uid:\t3210001\t3210001\t3210001\t3210001", "Gid:\t3210002\t3210002\t3210002\t3210002",
      "CapPrm:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1",
    ] {
      #expect(status.contains(line), "\(line)")
    }
    // Whatever the columns are: the name, the soft and the hard limit.
    let limits = try read("limits").map { $0.split(separator: " ").joined(separator: " ") }
    for line in [
      "Max file size 0 0", "Max core file size 0 0", "Max processes 64 64", "Max open files 64 64",
      "Max locked memory 0 0", "Max msgqueue size 0 0",
    ] {
      #expect(limits.contains { $0.hasPrefix(line) }, "\(line): \(limits)")
    }
    for name in ["mnt", "pid", "net", "uts", "ipc", "cgroup"] {
      let links = try ["/proc/\(number)", "/proc/self"].map {
        try FileManager.default.destinationOfSymbolicLink(atPath: "\($0)/ns/\(name)")
      }
      #expect(links[0] != links[1], "\(name)")
    }
    // The fifth field is the place, the sixth its options.
    let mounts = try read("mountinfo").map { $0.split(separator: " ").map(String.init) }
    #expect(mounts.count > 3)
    for mount in mounts where mount[4] != "/dev/zero" {
      let options = mount[5].split(separator: ",")
      for option in ["ro", "nosuid", "nodev"] { #expect(options.contains(Substring(option)), "\(mount)") }
    }
    loop.signal(child, SIGKILL)
    while outcome == nil { try loop.turn() }
    loop.end()
  }

  @Test("it is made anew, nobody looks into it, and a file of its run that has no place leaves nothing of it")
  func anew() throws {
    try Folders.makeAll("\(folder)/root/old", mode: 0o755)
    let jail = try jail()
    #expect(!Folders.exists("\(folder)/root/old"))
    var status = stat()
    #expect(lstat(folder, &status) == 0 && status.st_mode & 0o777 == 0o711)
    #expect(lstat("\(folder)/root/initramfs", &status) == 0 && status.st_mode & 0o777 == 0o444)
    #expect(throws: SandboxError.self) { try jail.place([[1]], "initramfs") }
    #expect(!Folders.exists(folder))
  }
}

@Suite("Task bundle")
struct TaskBundleTests {
  private let folder = NSTemporaryDirectory() + "openexec-bundle-\(UUID())"

  /// The kind and the permissions of a file.
  private func mode(_ path: String) -> mode_t? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & (S_IFMT | 0o777) : nil
  }

  @Test("it can be passed through and not looked into; what is in it is its owner's alone")
  func modes() throws {
    let bundle = try TaskBundle(folder: folder, spec: ["a": 1], program: "/usr/bin/shim")
    defer { bundle.remove() }
    #expect(mode(folder) == S_IFDIR | 0o711 && mode(bundle.rootfs) == S_IFDIR | 0o755)
    for path in [bundle.stdin, bundle.stdout, bundle.stderr, bundle.log] {
      #expect(mode(path) == S_IFIFO | 0o600, "\(path)")
    }
    for (name, content) in [("config.json", #"{"a":1}"#), (TaskBundle.runtimeFile, "/usr/bin/shim")] {
      #expect(mode("\(folder)/\(name)") == S_IFREG | 0o600, "\(name)")
      #expect(try Folders.read("\(folder)/\(name)", limit: 100) == Array(content.utf8))
    }
    #expect(Folders.names(folder).count == 7)
    // One that is there already is another task's.
    #expect(throws: SandboxError.self) { try TaskBundle(folder: folder, spec: [:], program: "/bin/true") }
    #expect(Folders.names(folder).count == 7)
  }

  @Test("a FIFO is opened at both ends: nobody waits for the other side, and nothing ends with it")
  func fifos() throws {
    let bundle = try TaskBundle(folder: folder, spec: [:], program: "/bin/true")
    defer { bundle.remove() }
    let reader = try TaskBundle.open(bundle.stdout)
    defer { close(reader) }
    #expect(fcntl(reader, F_GETFD) & FD_CLOEXEC != 0)
    let writer = open(bundle.stdout, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
    #expect(writer >= 0)
    #expect(write(writer, "said", 4) == 4)
    close(writer)
    var bytes = [UInt8](repeating: 0, count: 16)
    #expect(Glibc.read(reader, &bytes, 16) == 4)
    // The writer is gone; that is no end.
    #expect(Glibc.read(reader, &bytes, 16) == -1 && errno == EAGAIN)
  }
}
