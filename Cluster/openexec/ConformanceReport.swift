import Canonical
import EventLoop
import Glibc
import Host
import Records
import Sandbox
import Synchronization

/// `openexec conformance`: the shim and isolation suite against a runtime of this host.
enum ConformanceReport {
  static let syntax = CommandSyntax(
    "conformance", "proves a containerd runtime on this host, case by case",
    options: [
      CommandOption(
        "--runtime", "NAME", "as containerd names it, such as io.containerd.kata.v2, or its shim's path"),
      CommandOption("--images", "DIR", "what Deploy/images/build wrote"),
      CommandOption("--class", "CLASS", "container or kata; default kata where the runtime's name says so"),
      CommandOption("--config", "FILE", "the runtime's own configuration"),
      CommandOption("--root", "FORM", "how the runtime is given a root: folder, the default, or block"),
      CommandOption(
        "--busybox", "FILE", "a static busybox, which the cases are written for; default /bin/busybox"),
      CommandOption(flag: "--json", "one JSON object instead of a line a case"),
    ],
    details: """
      Each case is one run in a fresh task, with a look afterwards for what it may have left: processes, mounts, control
      groups, folders. Takes root. Exit code 1 where a case fails; a skipped one says why, and proves nothing.
      """)

  /// Runs it; the exit code.
  static func run(_ arguments: [String]) throws -> Int32 {
    let parsed = try syntax.parse(arguments)
    guard let runtime = parsed.value("--runtime"), let images = parsed.value("--images") else {
      throw UsageError("expected --runtime and --images")
    }
    let isKata = runtime.contains("kata")
    let name = parsed.value("--class") ?? (isKata ? "kata" : "container")
    guard let isolationClass = IsolationClass(rawValue: name), [.kata, .container].contains(isolationClass)
    else {
      throw UsageError("--class: expected container or kata, found \"\(name)\"")
    }
    let folder = "/run/openexec/conformance-\(getpid())"
    var settings = ShimSettings(images: images, folder: folder, roots: folder + "-roots")
    guard let root = ShimSettings.RootForm(rawValue: parsed.value("--root") ?? "folder") else {
      throw UsageError("--root: expected folder or block")
    }
    let chosen = ShimSettings.Runtime(runtime, configuration: parsed.value("--config"), root: root)
    if isolationClass == .kata { settings.kata = chosen } else { settings.container = chosen }
    let busybox = parsed.value("--busybox") ?? "/bin/busybox"
    let box = ResultBox()
    let wantsJSON = parsed.has("--json")
    defer { for path in [folder, folder + "-roots"] { try? Files.removeFolder(path) } }
    let thread = try LoopThread(name: "conformance") { [settings] loop in
      let suite = try ShimConformance(
        loop: loop, settings: settings, isolationClass: isolationClass, busybox: busybox)
      if !wantsJSON { suite.onResult = { print(line($0)) } }
      suite.run { results in
        box.keep(results)
        withExtendedLifetime(suite) {}
        loop.stop()
      }
    }
    try thread.join()
    return report(box.results, runtime: runtime, isolationClass, json: wantsJSON)
  }

  private static func line(_ result: ConformanceResult) -> String {
    let name = result.name + String(repeating: " ", count: max(1, 21 - result.name.count))
    let reason = result.reason.isEmpty ? "" : ": \(VisibleText.line(result.reason))"
    return "\(result.word)  \(name)\(result.claim)\(reason)"
  }

  private static func report(
    _ results: [ConformanceResult], runtime: String, _ isolationClass: IsolationClass, json: Bool
  ) -> Int32 {
    func count(_ word: String) -> Int { results.count { $0.word == word } }
    let (passed, failed, skipped) = (count("pass"), count("FAIL"), count("skip"))
    if json {
      let cases = results.map { result -> JSON in
        [
          "name": .string(result.name), "claim": .string(result.claim),
          "verdict": .string(result.word.lowercased()), "reason": .string(result.reason),
        ]
      }
      let value: JSON = [
        "runtime": .string(runtime), "class": .string(isolationClass.rawValue), "cases": .array(cases),
        "passed": .integer(passed), "failed": .integer(failed), "skipped": .integer(skipped),
      ]
      print(value.canonical)
    } else {
      print(
        "\(runtime) as \(isolationClass.rawValue): \(passed) passed, \(failed) failed, \(skipped) skipped")
    }
    return failed == 0 && passed > 0 ? 0 : 1
  }
}

/// What the suite's thread hands over.
private final class ResultBox: Sendable {
  private let kept = Mutex<[ConformanceResult]>([])
  var results: [ConformanceResult] { kept.withLock { $0 } }
  func keep(_ results: [ConformanceResult]) { kept.withLock { $0 = results } }
}
