/// Runs a policy's tests: rules whose name begins with `test_`, each with a budget of its own. One passes where its value
/// is true.
public struct TestRun: Sendable {
  /// What became of one test.
  public enum Outcome: Equatable, Sendable {
    case passed
    /// Undefined, or another value than true.
    case failed
    case error(EvaluationError)
    /// Its name begins with `todo_test_`.
    case skipped
  }

  /// One test.
  public struct Test: Sendable {
    /// Its path, with `data`.
    public let name: String
    public let location: Location
    public let outcome: Outcome
    /// Steps that it took.
    public let steps: Int
  }

  /// By package, and then by name.
  public private(set) var tests: [Test] = []
  /// What the tests reached of each file, by its name.
  public private(set) var coverage: [FileCoverage] = []

  /// Plans the modules and runs their tests. `data` is what they see beside their rules.
  public init(_ modules: [Module], data: Value, meter: Meter) throws(RegoSyntaxError) {
    let policy = try Policy(modules, hasPlaces: true)
    var marks = [Bool](repeating: false, count: policy.places.count)
    for group in policy.groups {
      guard case .complete = group.kind, let name = group.path.last, let rule = group.rules.first else {
        continue
      }
      let isSkipped = name.hasPrefix("todo_test_")
      guard isSkipped || name.hasPrefix("test_") else { continue }
      var outcome = Outcome.skipped
      var steps = 0
      if !isSkipped {
        let machine = Machine(policy, data: data, input: nil, meter: meter, isStrict: false)
        outcome = Self.outcome(group, machine)
        steps = meter.steps - max(0, machine.meter.steps)
        for (number, isReached) in machine.marks.enumerated() where isReached { marks[number] = true }
      }
      tests.append(
        Test(
          name: "data." + group.path.joined(separator: "."), location: rule.location, outcome: outcome,
          steps: steps))
    }
    coverage = FileCoverage.all(policy.places, marks)
  }

  private static func outcome(_ group: RuleGroup, _ machine: Machine) -> Outcome {
    do throws(EvaluationError) {
      let value = try machine.complete { () throws(EvaluationError) in try machine.value(of: group) }
      return value?.isTrue == true ? .passed : .failed
    } catch {
      return .error(error)
    }
  }
}

/// Which lines of a file were reached.
public struct FileCoverage: Equatable, Sendable {
  public let file: String
  /// Lines with something that was never reached, ascending.
  public let missed: [Int]
  /// Lines with something to reach.
  public let lines: Int

  /// Reached lines of a thousand.
  public var permille: Int { lines == 0 ? 1000 : (lines - missed.count) * 1000 / lines }

  static func all(_ places: [Location], _ marks: [Bool]) -> [FileCoverage] {
    var rows: [(place: Location, isReached: Bool)] = []
    for (place, isReached) in zip(places, marks) { rows.append((place, isReached)) }
    rows.sort { left, right in
      left.place.file == right.place.file
        ? left.place.line < right.place.line : Value.compare(left.place.file, right.place.file) < 0
    }
    var out: [FileCoverage] = []
    var rest = rows[...]
    while let file = rest.first?.place.file {
      let own = rest.prefix { $0.place.file == file }
      rest = rest.dropFirst(own.count)
      var lines: [(line: Int, isReached: Bool)] = []
      for row in own {
        if lines.last?.line == row.place.line {
          lines[lines.count - 1].isReached = lines[lines.count - 1].isReached && row.isReached
        } else {
          lines.append((row.place.line, row.isReached))
        }
      }
      out.append(
        FileCoverage(file: file, missed: lines.filter { !$0.isReached }.map(\.line), lines: lines.count))
    }
    return out
  }
}
