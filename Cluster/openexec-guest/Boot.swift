import CSystem
import Glibc

/// From the kernel's hand-over to an open channel.
enum Boot {
  /// In the order of their dependencies.
  static let modules = ["virtio_ring", "virtio", "virtio_mmio", "virtio_console"]
  /// The kernel's MS_… flags.
  private static let noSetUser: UInt = 2
  private static let noDevices: UInt = 4
  private static let noExecution: UInt = 8
  private static let readOnly: UInt = 1
  private static let remount: UInt = 32
  /// Umount2's MNT_DETACH.
  private static let detach: Int32 = 2

  /// Mounts what is needed, loads the drivers and opens the channel.
  static func bringUp() throws(GuestFailure) -> Int32 {
    for folder in ["/proc", "/dev", "/devices", "/tmp", InputFolder.path, SecretFolder.path] {
      mkdir(folder, 0o755)
    }
    try check(
      csystem_make_device("/dev/null", 0o666, 1, 3), "make /dev/null", tolerating: EEXIST)
    try check(
      csystem_make_device("/dev/urandom", 0o444, 1, 9), "make /dev/urandom", tolerating: EEXIST)
    // Without a console the kernel leaves 0 to 2 unopened, and whatever is opened next would take them.
    while true {
      let descriptor = open("/dev/null", O_RDWR)
      guard descriptor >= 0 else { throw .system("open /dev/null", errno) }
      if descriptor > 2 {
        close(descriptor)
        break
      }
    }
    try mount("proc", "/proc", "proc", noSetUser | noDevices | noExecution, "hidepid=2")
    for module in modules { try load(module) }
    try mount("devtmpfs", "/devices", "devtmpfs", noSetUser | noExecution, "")
    let port = try openPort()
    // The channel is open; no device is in reach of what comes.
    try check(csystem_unmount("/devices", detach), "unmount /devices")
    // The kernel's own initramfs brings one along.
    unlink("/dev/console")
    return port
  }

  /// The only place to write, and no other: the root becomes read-only.
  static func limitDisk(to bytes: UInt64) throws(GuestFailure) {
    try mountTemporary("/tmp", size: bytes, inodes: 16_384, mode: "1777")
    try mount("none", "/", "", remount | readOnly, "")
  }

  /// A folder in memory of at most `size` bytes.
  static func mountTemporary(
    _ path: String, size: UInt64, inodes: Int, mode: String
  ) throws(GuestFailure) {
    try mount(
      "tmpfs", path, "tmpfs", noSetUser | noDevices | noExecution,
      "size=\(size),nr_inodes=\(inodes),mode=\(mode)")
  }

  static func makeReadOnly(_ path: String) throws(GuestFailure) {
    try mount("none", path, "", remount | readOnly | noSetUser | noDevices | noExecution, "")
  }

  /// Says why on the kernel's console.
  static func complain(_ failure: GuestFailure) {
    guard mkdir("/devices", 0o700) == 0 || errno == EEXIST else { return }
    csystem_make_device("/devices/kmsg", 0o600, 1, 11)
    let descriptor = open("/devices/kmsg", O_WRONLY)
    guard descriptor >= 0 else { return }
    let text = Array("openexec-guest: \(failure)\n".utf8)
    _ = write(descriptor, text, text.count)
    close(descriptor)
  }

  private static func load(_ module: String) throws(GuestFailure) {
    let path = "/modules/\(module).ko"
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open \(path)", errno) }
    defer { close(descriptor) }
    try check(csystem_load_module(descriptor), "load \(path)", tolerating: EEXIST)
  }

  /// The port appears once the driver has heard of it from the other side. Nothing in the guest announces it (there
  /// is no udev, and devtmpfs sends no inotify events), so it is looked for, for at most twenty seconds.
  private static func openPort() throws(GuestFailure) -> Int32 {
    let deadline = csystem_monotonic_ns() + 20_000_000_000
    while csystem_monotonic_ns() < deadline {
      let descriptor = open("/devices/vport0p1", O_RDWR | O_CLOEXEC | O_NONBLOCK)
      if descriptor >= 0 { return descriptor }
      guard errno == ENOENT || errno == ENXIO || errno == ENODEV else {
        throw .system("open the channel", errno)
      }
      usleep(2_000)
    }
    throw .system("wait for the channel", ETIMEDOUT)
  }

  static func mount(
    _ source: String, _ target: String, _ type: String, _ flags: UInt, _ data: String
  ) throws(GuestFailure) {
    let result = source.withCString { source in
      target.withCString { target in
        type.withCString { type in
          data.withCString { data in
            var plan = csystem_mount(
              source: source, target: target, type: type, flags: flags, data: data)
            return csystem_mount(&plan)
          }
        }
      }
    }
    try check(result, "mount \(target)")
  }

  static func check(
    _ result: Int32, _ what: String, tolerating tolerated: Int32 = 0
  ) throws(GuestFailure) {
    guard result >= 0 || -result == tolerated else { throw .system(what, -result) }
  }
}
