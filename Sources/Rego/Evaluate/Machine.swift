/// The variables of one run of a rule.
final class Frame {
  var values: [Value]
  init(count: Int) { values = Array(repeating: .null, count: count) }
}

/// Frames that are not in use, so that a rule that is tried costs no allocation. A variable is always bound before it is read, so what
/// an earlier run left in a frame is never seen.
struct FramePool {
  private var frames: [Frame] = []

  mutating func take(_ count: Int) -> Frame {
    guard let frame = frames.popLast() else { return Frame(count: max(count, 16)) }
    if frame.values.count < count {
      frame.values += Array(repeating: .null, count: count - frame.values.count)
    }
    return frame
  }

  mutating func give(_ frame: Frame) { frames.append(frame) }
}

/// What an evaluation looks at; `with` puts another in its place for a while.
struct Surroundings {
  var input: Value?
  var data: Value
  /// Documents that stand in the place of rules.
  var replaced: [[String]] = []
  var mocks: [String: PlannedMock] = [:]
  /// Values of groups that have been evaluated.
  var known: [Found]
  /// Members of the input that have been looked up, by the numbers of their paths.
  var inputs: [Found]

  /// What is known of a place.
  enum Found {
    case unknown
    case undefined
    case value(Value)
  }

  enum PlannedMock {
    case value(Value)
    case callee(Callee)
  }

  /// Nothing is known any more: something else stands in the place of what it came from.
  mutating func forget() {
    known = Array(repeating: .unknown, count: known.count)
    inputs = Array(repeating: .unknown, count: inputs.count)
  }
}

/// Runs planned steps: what a rule does, what a reference finds, what a step makes and what a call gives stand in files of their own.
final class Machine {
  let root: RuleNode
  let groups: [RuleGroup]
  let indexes: [RuleIndex?]
  var around: Surroundings
  var meter: Meter
  let isStrict: Bool
  /// A member of the input that nothing may ask for.
  var withheld: Value?
  /// Whether stored documents stand nowhere where rules do: then rules that cannot hold need not be looked at.
  let isApart: Bool
  var frames = FramePool()
  var depth = 0
  /// `with` around what is evaluated now.
  var replacements = 0
  /// The rules that have to be evaluated first, where others are too deep in each other.
  var needed: Int?
  /// Rules that wait for others to be evaluated first.
  var waiting = 0
  /// Runs inside of runs: every step with several outcomes is one.
  var runs = 0
  /// Collections made so far.
  var made = 0
  /// Which places were reached.
  var marks: [Bool]

  static let maximumRuns = 384
  /// Of values that a policy makes.
  static let maximumValueDepth = 1024

  init(_ policy: Policy, data: Value, input: Value?, meter: Meter, isStrict: Bool) {
    root = policy.root
    groups = policy.groups
    indexes = policy.indexes
    self.meter = meter
    self.isStrict = isStrict
    isApart = policy.root.isApart(from: data)
    marks = Array(repeating: false, count: policy.places.count)
    around = Surroundings(
      input: input, data: data, known: Array(repeating: .unknown, count: groups.count),
      inputs: Array(repeating: .unknown, count: policy.inputCount))
  }

  typealias Continuation = () throws(EvaluationError) -> Bool

  func tick() throws(EvaluationError) {
    guard meter.step() else { throw .budget("more steps than the budget has") }
  }

  func spend(bytes: Int) throws(EvaluationError) {
    do throws(BuiltinError) { try meter.spend(bytes: bytes) } catch {
      throw .budget("more bytes than the budget has")
    }
  }

  func value(_ operand: Operand, _ frame: Frame) -> Value {
    switch operand {
    case .constant(let value): value
    case .slot(let slot): frame.values[slot]
    }
  }

  /// Runs the steps from `first` on, and `then` for each outcome; false where `then` wants no more.
  func run(
    _ block: Block, _ first: Int, _ frame: Frame, _ then: Continuation
  ) throws(EvaluationError) -> Bool {
    guard runs < Self.maximumRuns else {
      throw .budget("more than \(Self.maximumRuns) choices open in each other")
    }
    runs += 1
    defer { runs -= 1 }
    var next = first
    while next < block.steps.count {
      try tick()
      let step = block.steps[next]
      next += 1
      let rest = next
      switch step {
      case .walk(let path, let slot) where !path.isBound:
        return try walk(path, frame) { (value) throws(EvaluationError) in
          frame.values[slot] = value
          return try self.run(block, rest, frame, then)
        }
      case .scan(let source, let key, let slot):
        return try scan(value(source, frame)) { (k, v) throws(EvaluationError) in
          if let key { frame.values[key] = k }
          frame.values[slot] = v
          return try self.run(block, rest, frame, then)
        }
      case .everyPath(let source, let slot):
        return try walkAll(value(source, frame), []) { (pair) throws(EvaluationError) in
          frame.values[slot] = pair
          return try self.run(block, rest, frame, then)
        }
      case .with(let replacements, let inner):
        return try with(replacements, inner, frame) { () throws(EvaluationError) in
          try self.run(block, rest, frame, then)
        }
      default: guard try holds(step, frame) else { return true }
      }
    }
    return try then()
  }

  func hasSolution(_ block: Block, _ frame: Frame) throws(EvaluationError) -> Bool {
    var found = false
    _ = try run(block, 0, frame) { () throws(EvaluationError) in
      found = true
      return false
    }
    return found
  }
}
