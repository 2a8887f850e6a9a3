import CSystem
import EventLoop
import Glibc
import OpenExec
import Records
import Wire

/// Runs each order in a fresh machine and leaves nothing behind.
///
/// Confined to its loop. Takes root: namespaces, users and control groups are made here. One host has one
/// folder; a second one for the same folder is refused.
public final class MicroVMHost: SandboxHost {
  public let settings: MicroVMSettings
  public let images: ImageStore
  let loop: EventLoop
  private let lock: Int32
  private var machines: [RunID: MicroVM] = [:]
  private var sequence: UInt32 = 0
  private lazy var timestampKilohertz = MicroVMHost.measureTimestampCounter()
  /// Tells this host's control groups from those of others.
  private let groupPrefix: String

  /// A host. Whatever an earlier one left in the folder is ended and removed first.
  public init(loop: EventLoop, settings: MicroVMSettings) throws(SandboxError) {
    self.loop = loop
    self.settings = settings
    try Folders.makeAll(settings.folder, mode: 0o711)
    lock = try Folders.lock(settings.folder)
    groupPrefix = MicroVMHost.groupPrefix(settings.folder)
    do {
      ControlGroup.reap(prefix: groupPrefix)
      Folders.remove("\(settings.folder)/machines")
      try Folders.makeAll("\(settings.folder)/machines", mode: 0o711)
      images = try ImageStore(folder: settings.images, cache: "\(settings.folder)/images")
    } catch {
      close(lock)
      throw error
    }
  }

  deinit { close(lock) }

  /// A name for the folder that fits into the name of a control group.
  private static func groupPrefix(_ folder: String) -> String {
    String(folder.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }) + "-"
  }

  public let classes: [IsolationClass] = [.microvmKVM, .microvmTCG]

  /// Machines that run, or are on their way out.
  public var running: Int { machines.count }

  // MARK: Runs

  /// Starts a run. `tell` is called on the loop, later, and for `finished` exactly once, whatever
  /// happens.
  public func start(_ order: RunOrder, _ tell: @escaping (SandboxEvent) -> Void) {
    do throws(SandboxError) {
      guard machines[order.id] == nil, machines.count < settings.maximumMachines else {
        throw .tooLarge("no place for another machine; \(machines.count) run")
      }
      let machine = try machine(for: order) { [weak self] progress in
        switch progress {
        case .greeted: break
        case .started: tell(.started(order.id))
        case .finished(let outcome):
          self?.machines[order.id] = nil
          tell(.finished(order.id, outcome))
        }
      }
      machines[order.id] = machine
    } catch {
      let outcome = RunOutcome(ending: .sandboxFailed(error.description))
      loop.atEndOfTurn { tell(.finished(order.id, outcome)) }
    }
  }

  /// Ends a run; its `finished` follows.
  public func kill(_ run: RunID) { machines[run]?.kill() }

  /// Ends every run; each `finished` follows.
  public func killAll() {
    for machine in machines.values { machine.kill() }
  }

  /// The process of a run, for tests that end it from outside.
  func processID(of run: RunID) -> Int32? { machines[run]?.processID }

  private func machine(
    for order: RunOrder, _ tell: @escaping (MicroVM.Progress) -> Void
  ) throws(SandboxError) -> MicroVM {
    let accelerator: Machine.Accelerator
    switch order.isolationClass {
    case .microvmKVM: accelerator = .kvm
    case .microvmTCG: accelerator = .tcg
    case .kata, .container:
      throw .imageMissing("for class \(order.isolationClass.rawValue); this host runs microVMs")
    }
    let run = try GuestRun(order)
    let memory = Machine.overheadMiB + order.limits.memoryMiB + order.limits.diskMiB
    guard memory <= settings.maximumMemoryMiB else {
      throw .tooLarge("needs \(memory) MiB; this host gives a machine \(settings.maximumMemoryMiB)")
    }
    return try begin(
      accelerator, memoryMiB: memory, image: order.imageDigest, run: run,
      inputs: order.inputs.map(\.content), outputLimit: order.limits.outputBytes,
      bootSeconds: settings.bootSeconds,
      wallSeconds: Int64(order.limits.wallSeconds), tell)
  }

  /// Makes and starts a machine.
  func begin(
    _ accelerator: Machine.Accelerator, memoryMiB: Int, image: String?, run: GuestRun,
    inputs: [[UInt8]] = [], outputLimit: Int, bootSeconds: Int64, wallSeconds: Int64,
    _ tell: @escaping (MicroVM.Progress) -> Void
  ) throws(SandboxError) -> MicroVM {
    let kernel = try images.preparedKernel()
    let initramfs = try images.preparedInitramfs(action: image)
    sequence &+= 1
    let name = "\(getpid())-\(sequence)"
    let user = settings.firstUser + sequence % settings.users
    let jail = try Jail(
      folder: "\(settings.folder)/machines/\(name)", program: settings.program,
      files: [(kernel, "kernel"), (initramfs, "initramfs")],
      devices: accelerator == .kvm ? ["/dev/kvm"] : [])
    let group = ControlGroup(
      groupPrefix + name,
      ControlGroup.Bounds(
        memoryBytes: (memoryMiB + Machine.hostOverheadMiB) << 20, processes: 32,
        processorPermille: 1_500))
    let machine = MicroVM(
      loop: loop,
      parts: MicroVM.Parts(
        name: name,
        machine: Machine(
          accelerator: accelerator, memoryMiB: memoryMiB, timestampKilohertz: timestampKilohertz),
        jail: jail, group: group, user: user,
        userGroup: accelerator == .kvm ? MicroVMHost.group(of: "/dev/kvm") ?? user : user),
      run: run, inputs: inputs, outputLimit: outputLimit, bootSeconds: bootSeconds,
      wallSeconds: wallSeconds, tell: tell)
    do {
      try machine.start(program: settings.program)
    } catch {
      group.kill()
      group.remove()
      jail.remove()
      throw error
    }
    return machine
  }

  private static func group(of path: String) -> UInt32? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_gid : nil
  }

  /// Ticks of the time-stamp counter in a hundredth of a second.
  private static func measureTimestampCounter() -> Int {
    let (firstTicks, firstTime) = (csystem_processor_ticks(), csystem_monotonic_ns())
    usleep(10_000)
    let (ticks, time) = (csystem_processor_ticks(), csystem_monotonic_ns())
    guard ticks > firstTicks, time > firstTime else { return 0 }
    return Int((ticks - firstTicks) * 1_000_000 / (time - firstTime))
  }
}
