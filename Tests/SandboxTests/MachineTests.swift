import Testing

@testable import Sandbox

/// QEMU's arguments, whole: each of them is a wall or a promise.
struct MachineTests {
  private func machine(_ accelerator: Machine.Accelerator, _ time: Machine.Time = .flowing) -> Machine {
    Machine(accelerator: accelerator, memoryMiB: 176, time: time, timestampKilohertz: 2_400_000)
  }

  private func expected(_ accelerator: String, _ processor: String, _ append: String) -> [String] {
    [
      "qemu", "-M",
      "microvm,x-option-roms=off,rtc=on,isa-serial=off,acpi=on,mem-merge=off,dump-guest-core=off",
      "-accel", accelerator, "-cpu", processor, "-smp", "1", "-m", "176M", "-nodefaults", "-no-user-config",
      "-no-reboot", "-display", "none", "-monitor", "none", "-sandbox",
      "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny", "-kernel", "/kernel",
      "-initrd", "/initramfs", "-append", append, "-device", "virtio-serial-device", "-chardev",
      "socket,id=c0,fd=3", "-device", "virtserialport,chardev=c0,name=openexec.0",
    ]
  }

  private let append = "console=none quiet panic=-1 reboot=t nokaslr cryptomgr.notests SWIFT_ROOT=/"

  @Test("one channel and no other device, nothing shared, QEMU's own filter")
  func devices() {
    #expect(
      machine(.tcg).arguments(program: "qemu")
        == expected("tcg,thread=single,tb-size=64", "qemu64", append + " tsc_early_khz=2400000"))
    #expect(machine(.kvm).arguments(program: "qemu") == expected("kvm", "host", append))
  }

  @Test("a machine that counts instructions takes no time, date or random number from its host")
  func counted() {
    let arguments = machine(.tcg, .counted).arguments(program: "qemu")
    #expect(
      arguments
        == expected("tcg,thread=single,tb-size=64", "qemu64", append + " tsc_early_khz=1000000") + [
          "-icount", "shift=1,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "42",
        ])
    // Whatever its host's own counter is.
    var other = machine(.tcg, .counted)
    other.timestampKilohertz = 3_000_000
    #expect(other.arguments(program: "qemu") == arguments)
  }
}

struct AccountTurnTests {
  @Test("turns of one account come in the order in which they were asked for; another account's do not wait")
  func order() {
    let turns = AccountTurns()
    var done: [String] = []
    for (account, name) in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")] {
      turns.take(account) { done.append(name) }
    }
    #expect(done == ["a1", "b1"])
    turns.giveBack("a")
    #expect(done == ["a1", "b1", "a2"])
    // It is a2's: who comes now waits behind a3.
    turns.take("a") { done.append("a4") }
    #expect(done.count == 3)
    turns.giveBack("a")
    turns.giveBack("a")
    #expect(done == ["a1", "b1", "a2", "a3", "a4"])
    turns.giveBack("a")
    turns.take("a") { done.append("a5") }
    #expect(done.last == "a5")
  }
}
