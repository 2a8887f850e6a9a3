import EventLoop
import Glibc
import OpenExec
import Records
import Wire

/// What was found of one isolation class on this host.
public struct ClassFinding: Equatable, Sendable {
  public let isolationClass: IsolationClass
  /// Whether a machine of that class was booted just now, or before on this boot of the host.
  public let isActive: Bool
  /// Why not, or how it was found out.
  public let finding: String
  /// How to make it so; empty where it is.
  public let remedy: String
}

/// Whether WebAssembly modules run here, in one of the ways in which they may.
public struct ModuleFinding: Equatable, Sendable {
  /// `microvm`, or a runtime's name.
  public let way: String
  public let isActive: Bool
  /// Why not, or by what.
  public let finding: String
  /// How to make it so; empty where it is.
  public let remedy: String
}

/// What a host can do and enforce (HF-8, HF-9).
public struct PreflightReport: Equatable, Sendable {
  /// Strongest first.
  public let classes: [ClassFinding]
  /// Control group controllers whose bounds hold here.
  public let controllers: [String]
  /// Those whose bounds do not.
  public let missingControllers: [String]
  /// Why an image is not the one that its digest names; nil where all are.
  public let imageFault: String?
  /// Why it cannot be said of an image where it came from; nil where it can of all.
  public let provenanceFault: String?
  /// Of WebAssembly modules; none where no host was asked.
  public let modules: [ModuleFinding]
  /// What is not enforced as strictly as it could be; for people.
  public let warnings: [String]

  /// Nothing asked yet.
  static let none = PreflightReport(
    classes: [], controllers: [], missingControllers: [], imageFault: nil, provenanceFault: nil, warnings: [])

  /// A report; see the fields.
  init(
    classes: [ClassFinding], controllers: [String], missingControllers: [String], imageFault: String?,
    provenanceFault: String? = nil, modules: [ModuleFinding] = [], warnings: [String]
  ) {
    self.classes = classes
    self.controllers = controllers
    self.missingControllers = missingControllers
    self.imageFault = imageFault
    self.provenanceFault = provenanceFault
    self.modules = modules
    self.warnings = warnings
  }

  /// Both reports as one, classes strongest first. What one host misses is missing.
  func joined(_ other: PreflightReport) -> PreflightReport {
    PreflightReport(
      classes: (classes + other.classes).sorted { $0.isolationClass > $1.isolationClass },
      controllers: Array(Set(controllers + other.controllers)).sorted(),
      missingControllers: Array(Set(missingControllers + other.missingControllers)).sorted(),
      imageFault: imageFault ?? other.imageFault, provenanceFault: provenanceFault ?? other.provenanceFault,
      modules: modules + other.modules,
      warnings: warnings + other.warnings)
  }

  /// What may be offered to governance, strongest first.
  public var active: [IsolationClass] {
    classes.filter(\.isActive).map(\.isolationClass)
  }

  /// The table for people, a class a line, then what runs WebAssembly modules.
  public var table: String {
    func line(_ name: String, _ isActive: Bool, _ finding: String, _ remedy: String) -> String {
      let padded = name + String(repeating: " ", count: max(1, 13 - name.count))
      return "\(padded)\(isActive ? "active" : "inactive")  \(finding)"
        + (remedy.isEmpty ? "" : "; \(remedy)")
    }
    let rows = classes.map { line($0.isolationClass.rawValue, $0.isActive, $0.finding, $0.remedy) }
    let ways = modules.map { line("webassembly", $0.isActive, "\($0.way): \($0.finding)", $0.remedy) }
    return (rows + ways + warnings.map { "warning: \($0)" }).joined(separator: "\n")
  }

  /// The images with the classes that run them here, an image a line. One that nothing runs says so.
  public func table(of images: [HostImage]) -> String {
    images.map { image in
      let able = image.classes.filter(active.contains).map(\.rawValue)
      return "\(image.digest)  \(image.kind)  "
        + (able.isEmpty ? "nothing here runs it" : able.joined(separator: ", "))
    }.joined(separator: "\n")
  }
}

extension MicroVMHost {
  /// Finds out which classes are active, each by booting a machine of it: that a device opens says
  /// little. KVM's answer is remembered for this boot of the host, since a probe that hangs takes
  /// `probeSeconds`.
  public func preflight(_ done: @escaping (PreflightReport) -> Void) {
    probeKVM { [self] kvm in
      probe(.tcg, seconds: settings.bootSeconds) { [self] failure in
        let tcg = ClassFinding(
          isolationClass: .microvmTCG, isActive: failure == nil,
          finding: failure ?? "a machine was booted",
          remedy: failure == nil
            ? "" : "install qemu-system-x86, run as root, build the images with Deploy/images/build")
        let images = store
        imageWork.run { () throws(SandboxError) in
          images.fault
        } then: { [self] result in
          let fault: String?
          switch result {
          case .success(let found): fault = found
          case .failure(let error): fault = error.description
          }
          done(report(kvm, tcg, fault))
        }
      }
    }
  }

  private func report(_ kvm: ClassFinding, _ tcg: ClassFinding, _ fault: String?) -> PreflightReport {
    for finding in [kvm, tcg] where finding.isActive { probes[finding.isolationClass] = finding.finding }
    let controllers = ControlGroup.usableControllers()
    let missing = ControlGroup.controllers.filter { !controllers.contains($0) }
    var warnings = missing.map {
      "control group controller \($0) cannot be used; the machine's own size and limits remain"
    }
    if tcg.isActive, !kvm.isActive {
      warnings.append("emulation is not a security boundary of its own; the jail around it is")
    }
    return PreflightReport(
      classes: [kvm, tcg],
      controllers: controllers, missingControllers: missing, imageFault: fault,
      provenanceFault: store.provenanceFault,
      modules: [moduleFinding(isActive: kvm.isActive || tcg.isActive)], warnings: warnings)
  }

  /// That a machine boots with what runs modules is not tried: the machine is the same, and what is added to it was
  /// held against its digest.
  private func moduleFinding(isActive: Bool) -> ModuleFinding {
    guard let runtime = store.runtime else {
      return ModuleFinding(
        way: "microvm", isActive: false, finding: "the images have nothing that runs modules",
        remedy: "build them with Deploy/images/build where the Swift toolchain has wasmkit")
    }
    let bytes = Folders.size(runtime.path) ?? 0
    return ModuleFinding(
      way: "microvm", isActive: isActive,
      finding: isActive
        ? "wasmkit, \(runtime.digest), \(bytes >> 20) MiB unpacked" : "no class of microVMs is active",
      remedy: isActive ? "" : "see there")
  }

  func probeKVM(_ done: @escaping (ClassFinding) -> Void) {
    func finding(_ failure: String?, _ how: String = "a machine was booted") -> ClassFinding {
      ClassFinding(
        isolationClass: .microvmKVM, isActive: failure == nil, finding: failure ?? how,
        remedy: failure == nil
          ? "" : "run on hardware, or in a virtual machine with working nested virtualisation")
    }
    guard access("/dev/kvm", R_OK | W_OK) == 0 else {
      loop.atEndOfTurn { done(finding("/dev/kvm cannot be opened")) }
      return
    }
    if let remembered = rememberedProbe() {
      loop.atEndOfTurn {
        done(finding(remembered.isEmpty ? nil : remembered, "a machine was booted earlier"))
      }
      return
    }
    probe(.kvm, seconds: settings.probeSeconds) { [self] failure in
      remember(failure ?? "")
      done(finding(failure))
    }
  }

  /// Boots a machine to the guest's first word; nil where it came, or why it did not.
  func probe(
    _ accelerator: Machine.Accelerator, seconds: Int64, _ done: @escaping (String?) -> Void
  ) {
    var run = GuestRun()
    run.challenge = [UInt8](repeating: 0, count: 32)
    var isUp = false
    var machine: MicroVM?
    do throws(SandboxError) {
      machine = try begin(
        WarmPool.Shape(
          isolationClass: accelerator.isolationClass, memoryMiB: Machine.overheadMiB, image: nil),
        MicroVM.Assignment(run: run, outputLimit: 1, wallSeconds: seconds), bootSeconds: seconds
      ) { progress in
        switch progress {
        case .greeted:
          isUp = true
          machine?.kill()
        case .started: break
        case .finished(let outcome):
          machine = nil
          if case .sandboxFailed(let why) = outcome.ending, !isUp { return done(why) }
          done(isUp ? nil : "the guest did not answer")
        }
      }
    } catch {
      loop.atEndOfTurn { done(error.description) }
    }
  }

  // MARK: Memory of the probe

  private var probePath: String { "\(settings.folder)/kvm-probe" }

  /// The probe holds for this boot of the host, this kernel image and this program.
  private var probeKey: String {
    let boot = Folders.readKernelFile("/proc/sys/kernel/random/boot_id") ?? ""
    var status = stat()
    let changed = stat(settings.program, &status) == 0 ? Int(status.st_mtim.tv_sec) : 0
    return "\(boot.prefix { !$0.isNewline }) \(store.kernel.digest) \(store.guest.digest) \(changed)"
  }

  private func rememberedProbe() -> String? {
    guard let bytes = try? Folders.read(probePath, limit: 64 << 10) else { return nil }
    let lines = String(decoding: bytes, as: UTF8.self)
      .split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
    guard lines.count == 2, lines[0] == probeKey else { return nil }
    return String(lines[1])
  }

  private func remember(_ failure: String) {
    unlink(probePath)
    try? Folders.create(probePath, [Array("\(probeKey)\n\(failure)".utf8)], mode: 0o600)
  }
}
