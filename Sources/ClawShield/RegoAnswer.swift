import Records
import Rego

/// Why a value of `data.openexec.decision` is no answer.
struct AnswerFault: Error, CustomStringConvertible {
  let description: String

  init(_ expected: String, found: Value? = nil) {
    let what = found.map { "a value of type \($0.typeName)" } ?? "none"
    description = "data.openexec.decision: expected \(expected), found \(what)"
  }
}

extension PolicyAnswer {
  private static let members = ["type", "reason", "rules", "demands", "deadline_seconds"]

  /// Reads `{"type": …, "reason": …, "rules": […], "demands": […], "deadline_seconds": …}`; all but the type may be missing.
  ///
  /// - Parameter fired: the rules of the policy that had a value; they are named in the decision.
  init(decision: Value, fired: [[String]]) throws(AnswerFault) {
    guard case .object(let object) = decision else { throw AnswerFault("an object", found: decision) }
    for member in object.members {
      guard case .string(let name) = member.key, Self.members.contains(name) else {
        throw AnswerFault("no member but \(Self.members.joined(separator: ", "))", found: member.key)
      }
    }
    let type = try Self.type(object[.string("type")], "type")
    var reason = ""
    if let value = object[.string("reason")] { reason = try Self.text(value, "reason") }
    self.init(rules: [])
    for element in try Self.elements(object[.string("rules")], "rules") {
      rules.append(try Self.rule(element, of: type))
    }
    let names = fired.filter { $0 != RegoPolicy.decision }.map { $0.joined(separator: ".") }
    let by = names.isEmpty ? "" : "by \(names.joined(separator: ", "))"
    rules.append(
      FiredRule(
        rule: "data.openexec.decision", effect: type,
        message: [reason.isEmpty ? type.rawValue : reason, by].filter { !$0.isEmpty }.joined(separator: "; "))
    )
    for element in try Self.elements(object[.string("demands")], "demands") {
      demands.append(try Self.demand(element))
    }
    if let value = object[.string("deadline_seconds")] {
      guard case .number(let number) = value, let seconds = number.whole, (1...604_800).contains(seconds)
      else {
        throw AnswerFault("deadline_seconds to be whole, from 1 to 604800", found: value)
      }
      deadlineSeconds = seconds
    }
    guard demands.isEmpty || rules.contains(where: { !$0.effect.isFinal }) else {
      throw AnswerFault("no demands where nobody is asked", found: object[.string("demands")])
    }
  }

  private static func type(_ value: Value?, _ name: String) throws(AnswerFault) -> DecisionType {
    guard case .string(let text)? = value, let type = DecisionType(rawValue: text) else {
      let known = DecisionType.allCases.map(\.rawValue).joined(separator: ", ")
      throw AnswerFault("\(name) to be one of \(known)", found: value)
    }
    return type
  }

  private static func text(_ value: Value?, _ name: String) throws(AnswerFault) -> String {
    guard case .string(let text)? = value else { throw AnswerFault("\(name) to be a string", found: value) }
    return text
  }

  private static func elements(_ value: Value?, _ name: String) throws(AnswerFault) -> [Value] {
    switch value {
    case nil: []
    case .array(let values): values
    case .set(let set): set.elements
    case .null, .bool, .number, .string, .object:
      throw AnswerFault("\(name) to be an array or a set", found: value)
    }
  }

  /// A name, or `{"rule": …, "message": …, "effect": …}`; without an effect, that of the decision.
  private static func rule(_ value: Value, of type: DecisionType) throws(AnswerFault) -> FiredRule {
    if case .string(let name) = value { return FiredRule(rule: "rego.\(name)", effect: type, message: "") }
    guard case .object(let object) = value else {
      throw AnswerFault("rules to be names or objects", found: value)
    }
    for member in object.members
    where !["rule", "message", "effect"].contains(where: { member.key == .string($0) }) {
      throw AnswerFault("no member of a rule but rule, message, effect", found: member.key)
    }
    let effect = try object[.string("effect")].map { (value) throws(AnswerFault) in
      try Self.type(value, "effect")
    }
    let message = try object[.string("message")].map { (value) throws(AnswerFault) in
      try text(value, "message")
    }
    return FiredRule(
      rule: "rego.\(try text(object[.string("rule")], "rule"))", effect: effect ?? type,
      message: message ?? "")
  }

  private static func demand(_ value: Value) throws(AnswerFault) -> ApprovalDemand {
    let fault = AnswerFault("demands of a role, a count from 1 to 16, and filters if any", found: value)
    guard case .object(let object) = value, case .string(let role)? = object[.string("role")],
      Identifier.isValid(role), case .number(let number)? = object[.string("count")],
      let count = number.whole,
      (1...16).contains(count)
    else { throw fault }
    var filters: [String] = []
    for element in try Self.elements(object[.string("filters")], "filters") {
      guard case .string(let name) = element, Identifier.isValid(name) else { throw fault }
      filters.append(name)
    }
    guard object.members.count == (object[.string("filters")] == nil ? 2 : 3),
      filters.count <= ApprovalDemand.maximumFilters
    else { throw fault }
    filters.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for (one, next) in zip(filters, filters.dropFirst()) where one == next {
      throw AnswerFault("no filter twice in a demand", found: value)
    }
    return ApprovalDemand(role: role, count: count, filters: filters)
  }
}
