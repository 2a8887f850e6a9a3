import Images
import OpenExec
import Records
import Wire

// WebAssembly modules in tasks of shims that are made for them, class `container` alone (Decision 025).
extension ShimHost {
  /// What runs modules here: what the settings name, or the first of these that is installed.
  var moduleRuntime: ShimSettings.Runtime? {
    if let named = settings.wasm { return named }
    return ShimHost.moduleRuntimes.map { ShimSettings.Runtime($0) }.first { runtime in
      (try? RuntimeName(runtime.name).resolve()) != nil
    }
  }

  private static let moduleRuntimes = ["io.containerd.wasmtime.v1", "io.containerd.wasmedge.v1"]

  /// Finds out whether modules run in tasks here, by running one that does nothing.
  func probeModules(_ done: @escaping (ModuleFinding) -> Void) {
    let name = moduleRuntime?.name ?? ShimHost.moduleRuntimes[0]
    func tell(_ failure: String?, _ remedy: String = "") {
      runsModules = failure == nil
      done(
        ModuleFinding(
          way: name, isActive: failure == nil, finding: failure ?? "a module was run, class container",
          remedy: remedy))
    }
    guard let runtime = moduleRuntime else {
      return loop.atEndOfTurn {
        tell(
          "no shim for modules is installed",
          "install containerd-shim-wasmtime-v1, where class container is to run them")
      }
    }
    do throws(ShimError) {
      _ = try RuntimeName(runtime.name).resolve()
    } catch {
      return loop.atEndOfTurn { tell(error.description, "install it, or name another in runtimes.wasm") }
    }
    tryModule { failure in tell(failure, failure == nil ? "" : "see the reason") }
  }

  /// nil where it ran, or why it did not.
  private func tryModule(_ done: @escaping (String?) -> Void) {
    let limits = ActionLimits(
      wallSeconds: Int(settings.bootSeconds), memoryMiB: 64, processes: 8, outputBytes: 1, diskMiB: 1)
    let id = RunID(token: "preflight-module", attempt: 1)
    do throws(SandboxError) {
      let root = try roots.module(ShimHost.idleModule)
      let task = try makeTask(
        id, .container, root: root, run: try module([WasmRuntime.module], []), limits: limits
      ) { [self] progress in
        guard case .finished(let outcome) = progress else { return }
        ended(id, outcome, root) { judged in
          switch judged.ending {
          case .toldByShim(exitStatus: 0): done(nil)
          case .sandboxFailed(let why): done(why)
          default: done("it ended otherwise: \(judged.ending)")
          }
        }
      }
      task.start()
    } catch {
      loop.atEndOfTurn { done(error.description) }
    }
  }

  /// What a task is told of a module's run; such a run has no inputs, since nobody in the task could place them.
  func module(_ arguments: [String], _ parameters: [UInt8], inputs: Int = 0) throws(SandboxError) -> GuestRun
  {
    guard arguments.first == WasmRuntime.module else {
      throw .unfit(
        path: arguments.first ?? "",
        "expected \(WasmRuntime.module) as the first argument: the image is a WebAssembly module")
    }
    guard inputs == 0 else {
      throw .tooLarge("a module in a task of a shim has no input files; use a microvm class")
    }
    var run = GuestRun()
    run.arguments = arguments
    run.parameters = parameters
    return run
  }

  /// A module whose `_start` returns at once.
  private static let idleModule: [UInt8] = [
    0x00, 0x61, 0x73, 0x6D, 0x01, 0x00, 0x00, 0x00,  // magic, version
    0x01, 0x04, 0x01, 0x60, 0x00, 0x00,  // types: one function of nothing to nothing
    0x03, 0x02, 0x01, 0x00,  // functions: one of that type
    0x07, 0x0A, 0x01, 0x06, 0x5F, 0x73, 0x74, 0x61, 0x72, 0x74, 0x00, 0x00,  // exports: _start is function 0
    0x0A, 0x04, 0x01, 0x02, 0x00, 0x0B,  // code: no locals, end
  ]
}
