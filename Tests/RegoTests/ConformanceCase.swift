import Conformance
import Foundation

@testable import Rego

/// One published case.
struct ConformanceCase {
  let folder: String
  let note: String
  let modules: [String]
  private let query: String
  private let fields: [String: Value]

  /// Every case of a class, by folder.
  static func all(class name: String) throws -> [ConformanceCase] {
    var out: [ConformanceCase] = []
    for file in try Conformance.list("rego/cases") where file.hasSuffix(".json") {
      let text = String(decoding: try Conformance.bytes("rego/cases/\(file)"), as: UTF8.self)
      guard case .object(let root)? = Value.parse(json: text),
        case .array(let cases)? = root[.string("cases")]
      else {
        throw Unreadable(file: file)
      }
      for case .object(let members) in cases where members[.string("class")] == .string(name) {
        out.append(ConformanceCase(folder: String(file.dropLast(5)), members))
      }
    }
    return out
  }

  struct Unreadable: Error { let file: String }

  private init(folder: String, _ members: ObjectValue) {
    self.folder = folder
    var fields: [String: Value] = [:]
    for member in members.members {
      if case .string(let name) = member.key { fields[name] = member.value }
    }
    self.fields = fields
    note = fields["note"]?.string ?? ""
    query = fields["query"]?.string ?? ""
    if case .array(let texts)? = fields["modules"] {
      modules = texts.compactMap(\.string)
    } else {
      modules = []
    }
  }

  /// The cases' own helper: to wait would change nothing, for time stands still in an evaluation.
  private static let sleep = Builtin("test.sleep", 1) { (_, _) throws(BuiltinError) in .null }

  /// The bindings of the query.
  ///
  /// - Parameter hasPlaces: planned with places, and so without an index or a guard.
  func solutions(hasPlaces: Bool = false) throws -> [[(name: String, value: Value)]] {
    let parsed = try modules.enumerated().map { try Module.parse($0.element, file: "test-\($0.offset).rego") }
    let policy = try Policy(parsed, builtins: [Self.sleep], hasPlaces: hasPlaces)
    var input = fields["input"]
    if let term = fields["input_term"]?.string {
      let meter = Meter(steps: 1 << 20, bytes: 1 << 26)
      let found = try Evaluation(policy, input: nil, meter: meter).solutions(
        of: try Query("x = \(term)", of: policy))
      input = found.first?.first?.value
    }
    let evaluation = Evaluation(
      policy, data: fields["data"] ?? .object(ObjectValue()), input: input,
      meter: Meter(steps: 1 << 22, bytes: 1 << 28, now: 1_700_000_000_000_000_000),
      isStrict: fields["strict_error"]?.isTrue ?? false)
    return try evaluation.solutions(of: try Query(query, of: policy))
  }

  /// Why the case does not pass; nil where it does.
  func fault(hasPlaces: Bool = false) -> String? {
    do {
      return fault(in: try solutions(hasPlaces: hasPlaces))
    } catch let error as EvaluationError {
      return fault(error)
    } catch {
      return "\(error)"
    }
  }

  private func fault(_ error: EvaluationError) -> String? {
    let code = fields["want_error_code"]?.string
    let message = fields["want_error"]?.string
    guard code != nil || message != nil else { return "\(error)" }
    if let code, code != error.code { return "expected \(code), found \(error)" }
    // What stands before the message is where it happened, by the name of the file that held the case.
    let wanted = message?.split(separator: " ").filter { !$0.hasPrefix("test-0.rego") }.joined(separator: " ")
    if let wanted, !wanted.isEmpty, !error.description.contains(wanted) {
      return "expected \(wanted), found \(error)"
    }
    return nil
  }

  private func fault(in solutions: [[(name: String, value: Value)]]) -> String? {
    if fields["want_error_code"] != nil || fields["want_error"] != nil {
      return "expected an error, found none"
    }
    if let wanted = fields["want_defined"], case .bool(let isDefined) = wanted, isDefined == solutions.isEmpty
    {
      return "expected \(isDefined ? "a solution" : "none")"
    }
    guard case .array(let wanted)? = fields["want_result"] else { return nil }
    let isSorted = fields["sort_bindings"]?.isTrue ?? false
    func set(_ values: [Value]) -> [Value] { SetValue(isSorted ? values.map(Self.sorted) : values).elements }
    let found = solutions.map { solution in
      let named = solution.filter { !$0.name.hasPrefix("__local") && !$0.name.hasPrefix("$") }
      return Value.object(ObjectValue(named.map { (.string($0.name), Self.json($0.value)) }))
    }
    guard set(found) != set(wanted) else { return nil }
    return "expected \(set(wanted).map(\.jsonText)), found \(set(found).map(\.jsonText))"
  }

  /// As the cases write values: sets are arrays, keys are strings.
  private static func json(_ value: Value) -> Value {
    switch value {
    case .set(let set): .array(set.elements.map(json))
    case .array(let values): .array(values.map(json))
    case .object(let object):
      .object(
        ObjectValue(
          object.members.map { member in
            (member.key.string != nil ? member.key : .string(member.key.jsonText), json(member.value))
          }))
    case .null, .bool, .number, .string: value
    }
  }

  private static func sorted(_ value: Value) -> Value {
    switch value {
    case .array(let values): .array(values.map(sorted).sorted())
    case .object(let object): .object(ObjectValue(object.members.map { ($0.key, sorted($0.value)) }))
    case .null, .bool, .number, .string, .set: value
    }
  }
}
