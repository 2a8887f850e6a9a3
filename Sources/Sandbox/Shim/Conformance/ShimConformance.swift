import CSystem
import Crypto
import EventLoop
import Glibc
import OpenExec
import Records

/// Runs the cases of the shim and isolation suite against one runtime of this host, one after the other, and looks each
/// time for what is left.
public final class ShimConformance {
  private let loop: EventLoop
  let host: ShimHost
  private let isolationClass: IsolationClass
  private let canary: String
  private var waiting: [ConformanceCase]
  private var results: [ConformanceResult] = []
  private var done: ([ConformanceResult]) -> Void = { _ in }
  /// Called with each result as it comes.
  public var onResult: (ConformanceResult) -> Void = { _ in }
  private static let image = "conformance"

  /// `settings` name the runtime for `isolationClass`. `busybox` is a static busybox of the host, the program that the
  /// cases are written for.
  public convenience init(
    loop: EventLoop, settings: ShimSettings, isolationClass: IsolationClass, busybox: String
  ) throws(SandboxError) {
    try self.init(loop: loop, settings: settings, isolationClass: isolationClass, busybox: busybox, only: [])
  }

  /// The cases of these names; all of them where none is given.
  init(
    loop: EventLoop, settings: ShimSettings, isolationClass: IsolationClass, busybox: String, only: [String]
  ) throws(SandboxError) {
    self.loop = loop
    self.isolationClass = isolationClass
    host = try ShimHost(loop: loop, settings: settings)
    _ = try host.roots.root(
      named: ShimConformance.image,
      files: [("bin/busybox", try Folders.read(busybox, limit: 64 << 20))])
    var random = [UInt8](repeating: 0, count: 16)
    let got = csystem_getrandom(&random, random.count)
    precondition(got == 0, "the kernel has random numbers")
    let secret = "canary-" + Hex.encode(random)
    canary = "\(settings.folder)/canary"
    unlink(canary)
    try Folders.create(canary, [Array(secret.utf8)], mode: 0o644)
    waiting = ConformanceCase.all(canary: canary, secret: secret)
      .filter { only.isEmpty || only.contains($0.name) }
  }

  /// Runs all of them; `done` is called once.
  public func run(_ done: @escaping ([ConformanceResult]) -> Void) {
    self.done = done
    let missing = host.obstacles(isolationClass)
    guard missing.isEmpty else {
      let why = missing.map { "\($0.what) (\($0.remedy))" }.joined(separator: "; ")
      for skipped in waiting { record(skipped.name, skipped.claim, .skipped(why)) }
      waiting = []
      return loop.atEndOfTurn { [self] in finish() }
    }
    next()
  }

  private func next() {
    guard !waiting.isEmpty else { return finish() }
    let current = waiting.removeFirst()
    let order = order(current)
    var skipped: String?
    host.start(order) { [self] event in
      switch event {
      case .started: skipped = interfere(current.interference, order.id)
      case .finished(_, let outcome): judge(current, order, outcome, skipped)
      }
    }
  }

  private func order(_ current: ConformanceCase) -> RunOrder {
    var challenge = [UInt8](repeating: 0, count: 32)
    let got = csystem_getrandom(&challenge, challenge.count)
    precondition(got == 0, "the kernel has random numbers")
    let inputs = current.input.map { content in
      RunInput(digest: SHA256.hash(content), name: "", mediaType: "text/plain", labels: [], content: content)
    }
    return RunOrder(
      id: RunID(token: current.name, attempt: 1), isolationClass: isolationClass,
      imageDigest: ShimConformance.image, arguments: current.arguments,
      parameters: Array(#"{"conformance":true}"#.utf8), inputs: inputs.map { [$0] } ?? [],
      limits: current.limits, challenge: challenge)
  }

  /// Why a case cannot be tried; nil where it was.
  private func interfere(_ interference: ConformanceCase.Interference, _ run: RunID) -> String? {
    switch interference {
    case .none: return nil
    case .kill:
      host.kill(run)
      return nil
    case .killShim:
      guard let shim = host.shimProcess(of: run), shim > 1 else {
        host.kill(run)
        return "the shim does not say which process it is"
      }
      Glibc.kill(shim, SIGKILL)
      return nil
    case .killTask:
      let processes = TaskGroup.processes(host.groupParent)
      guard !processes.isEmpty else {
        host.kill(run)
        return "no process is in the task's control group"
      }
      for pid in processes { Glibc.kill(pid, SIGKILL) }
      return nil
    }
  }

  private func judge(
    _ current: ConformanceCase, _ order: RunOrder, _ outcome: RunOutcome, _ skipped: String?
  ) {
    // Nothing of a run may be there once it has been told as finished.
    let left = host.traces
    let proof =
      outcome.guest?.answers(order.challenge) == true ? nil : "the guest did not prove itself"
    if !left.isEmpty {
      record(current.name, current.claim, .failed("left behind: " + left.joined(separator: ", ")))
    } else if let skipped {
      record(current.name, current.claim, .skipped(skipped))
    } else if let why = current.judge(outcome) ?? proof {
      record(current.name, current.claim, .failed(why))
    } else {
      record(current.name, current.claim, .passed)
    }
    next()
  }

  private func record(_ name: String, _ claim: String, _ verdict: ConformanceResult.Verdict) {
    let result = ConformanceResult(name: name, claim: claim, verdict: verdict)
    results.append(result)
    onResult(result)
  }

  private func finish() {
    unlink(canary)
    done(results)
  }
}
