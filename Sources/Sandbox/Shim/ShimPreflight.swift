import Glibc
import OpenExec
import Records
import Wire

extension ShimHost {
  /// Finds out which classes are active, each by running a task of it to its guest's first word.
  public func preflight(_ done: @escaping (PreflightReport) -> Void) {
    probe(.kata) { [self] kata in
      probe(.container) { [self] container in
        probeModules { [self] modules in
          let controllers = ControlGroup.usableControllers()
          var warnings: [String] = []
          if container.isActive {
            warnings.append("a container shares the host's kernel; policies must ask for the class by name")
          }
          done(
            PreflightReport(
              classes: [kata, container], controllers: controllers,
              missingControllers: ControlGroup.controllers.filter { !controllers.contains($0) },
              imageFault: roots.fault, provenanceFault: roots.provenanceFault, modules: [modules],
              warnings: warnings))
        }
      }
    }
  }

  /// What a host lacks of a class, each with how to have it, before anything is tried.
  func obstacles(_ isolationClass: IsolationClass) -> [(what: String, remedy: String)] {
    var found: [(String, String)] = []
    if let runtime = settings.runtime(of: isolationClass) {
      do throws(ShimError) {
        let program = try RuntimeName(runtime.name).resolve()
        if program.contains("-runc-"), !RuntimeName.folders.contains(where: { Folders.exists("\($0)/runc") })
        {
          found.append(("there is no program runc", "install runc"))
        }
      } catch {
        found.append(
          (
            error.description,
            isolationClass == .kata
              ? "install Kata Containers (see Deploy/kata)" : "install containerd, for its shim, and runc"
          ))
      }
    }
    if settings.runtime(of: isolationClass)?.root == .block {
      if !Folders.exists(BlockRoot.program) {
        found.append(("there is no program \(BlockRoot.program)", "install e2fsprogs"))
      }
      if access("/dev/loop-control", R_OK | W_OK) != 0 {
        found.append(("/dev/loop-control cannot be opened", "load the module loop"))
      }
    }
    switch isolationClass {
    case .kata:
      for device in ["/dev/kvm", "/dev/vhost-vsock"] where access(device, R_OK | W_OK) != 0 {
        found.append(
          (
            "\(device) cannot be opened",
            device == "/dev/kvm"
              ? "run on hardware, or with nested virtualisation" : "load the module vhost_vsock"
          ))
      }
      if let path = settings.kata.configuration, !Folders.exists(path) {
        found.append(("\(path) is not there", "copy one of Deploy/kata there"))
      }
    case .container:
      let most = Folders.readKernelFile("/proc/sys/user/max_user_namespaces")
        .flatMap { Int($0.filter(\.isNumber)) }
      if most ?? 0 < 1 {
        found.append(("the kernel gives no user namespaces", "set user.max_user_namespaces above 0"))
      }
    case .microvmKVM, .microvmTCG: break
    }
    return found
  }

  private func probe(_ isolationClass: IsolationClass, _ done: @escaping (ClassFinding) -> Void) {
    func finding(_ failures: [(what: String, remedy: String)]) -> ClassFinding {
      ClassFinding(
        isolationClass: isolationClass, isActive: failures.isEmpty,
        finding: failures.isEmpty ? "a task was run" : failures.map(\.what).joined(separator: "; "),
        remedy: failures.map(\.remedy).joined(separator: "; "))
    }
    let missing = obstacles(isolationClass)
    guard missing.isEmpty else { return loop.atEndOfTurn { done(finding(missing)) } }
    tryOut(isolationClass) { failure in
      let remedy = "see the reason; openexec conformance --runtime NAME says more"
      if failure == nil, let runtime = self.settings.runtime(of: isolationClass) {
        self.probes[isolationClass] = "a task was run in \(runtime.name)"
      }
      done(finding(failure.map { [($0, remedy)] } ?? []))
    }
  }

  /// Runs a task to its guest's first word; nil where it came, or why it did not.
  private func tryOut(_ isolationClass: IsolationClass, _ done: @escaping (String?) -> Void) {
    var run = GuestRun()
    run.challenge = [UInt8](repeating: 0, count: 32)
    run.diskBytes = 1 << 20
    let limits = ActionLimits(
      wallSeconds: Int(settings.bootSeconds), memoryMiB: 64, processes: 8, outputBytes: 1, diskMiB: 1)
    let id = RunID(token: "preflight-\(isolationClass.rawValue)", attempt: 1)
    var isUp = false
    do throws(SandboxError) {
      let root = try roots.root(nil)
      let task = try makeTask(id, isolationClass, root: root, run: run, limits: limits) { [self] progress in
        switch progress {
        case .greeted:
          isUp = true
          kill(id)
        case .started: break
        case .finished(let outcome):
          ended(id, outcome, root) { judged in
            if case .sandboxFailed(let why) = judged.ending, !isUp { return done(why) }
            done(isUp ? nil : "the guest did not answer")
          }
        }
      }
      task.start()
    } catch {
      loop.atEndOfTurn { done(error.description) }
    }
  }
}
