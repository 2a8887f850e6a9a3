import CSystem
import Glibc
import OpenExec
import Records

/// The virtual hardware of one run, as QEMU's arguments.
struct Machine {
  enum Accelerator: String {
    case kvm, tcg

    /// The one of a class.
    init(for isolationClass: IsolationClass) throws(SandboxError) {
      switch isolationClass {
      case .microvmKVM: self = .kvm
      case .microvmTCG: self = .tcg
      case .kata, .container:
        throw .imageMissing("for class \(isolationClass.rawValue); this host runs microVMs")
      }
    }

    /// What a machine of its own is.
    var isolationClass: IsolationClass { self == .kvm ? .microvmKVM : .microvmTCG }
  }

  /// What the guest's clocks count.
  enum Time: Equatable, Sendable {
    /// The host's time.
    case flowing
    /// Instructions: the same guest with the same request sees the same times, dates and random numbers in each run,
    /// whatever else the host does. Its random numbers can be guessed, so it is told no secret.
    case counted
  }

  var accelerator: Accelerator
  var memoryMiB: Int
  var time = Time.flowing
  /// Of the host's time-stamp counter, which an emulated machine sees as its own; 0 where unknown.
  var timestampKilohertz: Int
  /// Of the initramfs, in bytes.
  var initramfsSize = 0

  /// The least that the guest's kernel, its unpacked images and its first process need beside the action; holds for
  /// archives of up to 24 MiB together.
  static let overheadMiB = 112
  /// Of that, what is no image.
  static let kernelMiB = 64

  /// What a machine needs beside the action, in MiB, for an initramfs of so many bytes. Its archives are not packed:
  /// while the kernel unpacks them it holds them twice, and lets go of the first copy before the action begins, whose
  /// interpreter, where it has one, works in that room.
  static func overheadMiB(initramfs bytes: Int) -> Int {
    max(overheadMiB, kernelMiB + 2 * ((bytes + (1 << 20) - 1) >> 20))
  }

  /// What QEMU itself needs beside the guest's memory.
  static let hostOverheadMiB = 192

  /// Of the channel, in the child.
  static let channelDescriptor = 3

  func arguments(program: String) -> [String] {
    [
      program, "-M",
      "microvm,x-option-roms=off,rtc=on,isa-serial=off,acpi=on,mem-merge=off,dump-guest-core=off",
      "-accel", accelerator == .kvm ? "kvm" : "tcg,thread=single,tb-size=64",
      "-cpu", accelerator == .kvm ? "host" : "qemu64", "-smp", "1", "-m", "\(memoryMiB)M",
      "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-monitor", "none",
      "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
      "-kernel", "/kernel", "-initrd", "/initramfs", "-append", commandLine,
      "-device", "virtio-serial-device",
      "-chardev", "socket,id=c0,fd=\(Machine.channelDescriptor)",
      "-device", "virtserialport,chardev=c0,name=openexec.0",
    ] + (time == .counted ? Machine.counting : [])
  }

  /// Two nanoseconds an instruction, no sleep, and everything else that could differ fixed.
  private static let counting = [
    "-icount", "shift=1,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "42",
  ]

  private var commandLine: String {
    // The kernel's tests of its own cryptography are most of what it does at its start, and nobody here uses that.
    var words = ["console=none", "quiet", "panic=-1", "reboot=t", "nokaslr", "cryptomgr.notests"]
    // Swift's runtime looks for its own path in /proc, which nobody has mounted before the first
    // process runs; the kernel hands this to it as its environment.
    words.append("SWIFT_ROOT=/")
    if Machine.overheadMiB(initramfs: initramfsSize) > Machine.overheadMiB {
      // The usual file system of an initramfs takes no more than half of the memory that is left beside the packed
      // copy. Nobody writes to it once the first process has made it read-only.
      words.append("rootfstype=ramfs")
    }
    if accelerator == .tcg, time == .counted {
      // The counter is in nanoseconds then, on every host.
      words.append("tsc_early_khz=1000000")
    } else if accelerator == .tcg, timestampKilohertz > 0 {
      // With ACPI's reduced hardware there is no timer to calibrate against, and the kernel would wait
      // for a first tick for ever.
      words.append("tsc_early_khz=\(timestampKilohertz)")
    }
    return words.joined(separator: " ")
  }

  /// Ticks of the time-stamp counter in a hundredth of a second.
  static func measureTimestampCounter() -> Int {
    let (firstTicks, firstTime) = (csystem_processor_ticks(), csystem_monotonic_ns())
    usleep(10_000)
    let (ticks, time) = (csystem_processor_ticks(), csystem_monotonic_ns())
    guard ticks > firstTicks, time > firstTime else { return 0 }
    return Int((ticks - firstTicks) * 1_000_000 / (time - firstTime))
  }
}
