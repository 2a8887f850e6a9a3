import Canonical
import ClawShield
import Host
import Records
import Rego

/// What authors of policies do before anybody signs one; no cluster is asked.
enum PolicyCommands {
  static let all: [Command] = [
    Command(
      "policy check", "whether a policy compiles, and what it leaves to the floor", operands: ["BUNDLE"],
      options: [CommandOption(flag: "--strict", "warnings are faults"), PolicyFolder.imagesOption],
      details: """
        Reads a folder, or a .tar.gz of one, as a bundle: registry.json, .manifest, data.json and .rego files, of folders below
        it too. Each fault is shown with its file, line and column. Exit code 1 where there is one.
        """, run: check),
    Command(
      "policy test", "run a policy's tests: rules whose name begins with test_", operands: ["BUNDLE"],
      options: [
        CommandOption(flag: "--coverage", "say for each file which lines no test reached"),
        CommandOption("--minimum", "PERCENT", "fail where the tests reach fewer lines; default 0"),
      ],
      details: """
        A test passes where its value is true. One whose name begins with todo_test_ is left out. Tests may
        stand anywhere; those in files that end in _test.rego are no part of the bundle. Exit code 7 where
        one does not pass.
        """, run: PolicyTesting.run),
    Command(
      "policy eval", "the value of a query, such as data.openexec.decision", operands: ["QUERY"],
      options: [
        CommandOption("--policy", "DIR", "modules and data; default none"),
        CommandOption("--input", "FILE", "JSON; default none"),
        CommandOption("--time", "TIME", "what the policy takes for now; default 1970-01-01T00:00:00Z"),
      ],
      details:
        "Each solution is one line of JSON: the values of its variables. Exit code 5 where there is none.",
      run: eval),
    Command(
      "policy simulate", "which decisions of a ledger would be others under a bundle", operands: ["BUNDLE"],
      options: [
        CommandOption("--from", "EXPORT", "the ledger, as claw ledger export writes it"),
        CommandOption("--cluster", "ID", "the cluster that it must be of"),
        CommandOption("--images", "DIR", "built images with digests.json"),
      ],
      details: """
        The export is verified, and gone through. Each proposal is decided by the bundle too, at its own leaf
        and on the state that was there; what would have come of other decisions is not played on.
        """, run: PolicySimulating.run),
    Command(
      "policy fmt", "lay .rego files out", operands: ["PATH", "[PATH...]"],
      options: [
        CommandOption(
          flag: "--check", "only name the files that are laid out otherwise; exit code 1 for any"),
        CommandOption(flag: "--write", "put the layout into the files"),
      ],
      details: """
        Indentation by tabs, one space where one belongs, no two empty lines. Lines end where they did, and
        comments stay. A folder stands for the .rego files in it and below.
        """, run: PolicyLayout.run),
  ]

  // MARK: Reading

  /// The policy of a folder, its tests too.
  static func read(_ folder: String) throws -> RegoBundle {
    let files = try PolicyFolder.files(of: folder, isForTests: true)
    guard files.contains(where: { $0.path.hasSuffix(".rego") }) else {
      throw Failure(.usage, "\(folder): expected .rego files, found none")
    }
    do {
      return try RegoBundle(files)
    } catch {
      throw Failure(.other, error.description)
    }
  }

  /// The budget of a folder's bundle; the standard one where it has no registry.
  static func budget(_ folder: String) throws -> EvaluationBudget {
    let files = try PolicyFolder.files(of: folder)
    guard files.contains(where: { $0.path == PolicyBundle.registryPath }) else { return .standard }
    do {
      return try PolicyBundle(files: files).budget
    } catch {
      throw Failure(.other, "\(folder): \(error)")
    }
  }

  // MARK: check

  private static func check(_ call: Invocation) throws -> ExitCode {
    let folder = call.parsed.operand(0) ?? ""
    let files = try PolicyFolder.files(of: folder, isForTests: true, images: call.parsed.value("--images"))
    let checked = PolicyCheck(files)
    let isFaulty = !checked.faults.isEmpty || call.parsed.has("--strict") && !checked.warnings.isEmpty
    call.say(checked.report(folder))
    return isFaulty ? .other : .ok
  }

  // MARK: eval

  private static func eval(_ call: Invocation) throws -> ExitCode {
    let folder = call.parsed.value("--policy")
    let bundle = try folder.map(read)
    let budget = try folder.map(budget) ?? .standard
    var input: Value?
    if let path = call.parsed.value("--input") {
      let text = try Files.readText(path, limit: 4 << 20)
      input = Value.parse(json: text)
      guard input != nil else {
        throw Failure(
          .usage, "\(path): expected JSON at most 128 deep, which ends at \(Value.endOfJSON(in: text))")
      }
    }
    let time = call.parsed.value("--time") ?? "1970-01-01T00:00:00Z"
    guard let now = Timestamp(text: time) else {
      throw UsageError("--time: expected a time as 2026-01-31T23:59:59Z, found \(time)")
    }
    let solutions: [[(name: String, value: Value)]]
    var fault: String?
    do {
      let policy = try Policy(bundle?.modules ?? [])
      let query = try Query(call.parsed.operand(0) ?? "", of: policy, naming: "value")
      func evaluation(isStrict: Bool) -> Evaluation {
        Evaluation(
          policy, data: bundle?.data ?? .object(ObjectValue()), input: input,
          meter: Meter(
            steps: budget.steps, bytes: budget.bytes, depth: budget.depth, now: Int(now.nanoseconds)),
          isStrict: isStrict)
      }
      solutions = try evaluation(isStrict: false).solutions(of: query)
      // A builtin that fails gives nothing, and says why only where it is asked to.
      if solutions.isEmpty {
        do {
          _ = try evaluation(isStrict: true).solutions(of: query)
        } catch {
          fault = "\(error)"
        }
      }
    } catch let error as RegoSyntaxError {
      throw Failure(.usage, error.description)
    }
    let lines = solutions.map { solution in
      Value.object(ObjectValue(solution.map { (.string($0.name), $0.value) })).jsonText
    }
    guard !lines.isEmpty else {
      throw Failure(.notFound, "undefined" + (fault.map { ", since a builtin failed: \($0)" } ?? ""))
    }
    // Numbers as they are: a double holds neither 1e400 nor all digits of a large whole number.
    call.say(
      Report(
        lines.joined(separator: "\n"), exactJSON: "{\"solutions\":[" + lines.joined(separator: ",") + "]}"))
    return .ok
  }
}
