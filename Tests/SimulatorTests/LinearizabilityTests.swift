import Conformance
import Foundation
import Testing

@testable import Simulator

/// The checker against published histories, and against small ones whose verdict is plain.
struct LinearizabilityTests {
  private typealias Register = HistoryOperation<RegisterModel.Operation>

  @Test("a read may see either of two writes that overlap it, and none that began after it ended")
  func register() {
    let checker = LinearizabilityChecker(RegisterModel())
    let overlapping = [
      Register(.write(1), called: 1, returned: 4), Register(.write(2), called: 2, returned: 5),
      Register(.read(1, isUnknown: false), called: 3, returned: 6),
    ]
    #expect(checker.check(overlapping) == .linearizable)
    let future = [
      Register(.read(1, isUnknown: false), called: 1, returned: 2),
      Register(.write(1), called: 3, returned: 4),
    ]
    #expect(checker.check(future) == .violated(stuck: 0))
    let stale = [
      Register(.write(1), called: 1, returned: 2), Register(.write(2), called: 3, returned: 4),
      Register(.read(1, isUnknown: false), called: 5, returned: 6),
    ]
    #expect(checker.check(stale) == .violated(stuck: 2))
  }

  @Test("a write that nobody was told of may take effect late, or never")
  func unanswered() {
    let checker = LinearizabilityChecker(RegisterModel())
    let write = Register(.write(1), called: 1, returned: nil)
    let reads = [nil, 1, 1].enumerated().map { position, value in
      Register(
        .read(value, isUnknown: false), called: UInt64(2 * position + 2), returned: UInt64(2 * position + 3))
    }
    #expect(checker.check([write] + reads) == .linearizable)
    #expect(checker.check([write, reads[0]]) == .linearizable)
    let back = Register(.read(nil, isUnknown: false), called: 20, returned: 21)
    #expect(checker.check([write] + reads + [back]) == .violated(stuck: 4))
  }

  @Test("a budget that is too small decides nothing")
  func budget() {
    let history = (0..<20).map { Register(.write($0), called: 1, returned: 2) }
    #expect(LinearizabilityChecker(RegisterModel(), budget: 3).check(history) == .undecided)
  }

  @Test("a history is split by key in order, and every operation keeps its position")
  func partitioned() {
    let history = [3, 1, 3, 2].enumerated().map { position, value in
      Register(.write(value), called: UInt64(position), returned: nil)
    }
    let parts = LinearizabilityChecker<RegisterModel>.partitioned(history) { operation in
      if case .write(let value) = operation { value } else { 0 }
    }
    #expect(parts.map { $0.map(\.position) } == [[1], [3], [0, 2]])
  }

  @Test(
    "the verdicts on the published register histories are reproduced",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func registers() throws {
    let folder = "linearizability/etcd"
    let verdicts = try #require(
      JSONSerialization.jsonObject(with: Data(Conformance.bytes("\(folder)/verdicts.json")))
        as? [String: Bool])
    let names = try Conformance.list(folder).filter { $0.hasSuffix(".log") }
    #expect(names.count > 70 && names.count == verdicts.count)
    for name in names {
      let history = try PublishedHistory.registers(Conformance.bytes("\(folder)/\(name)"))
      let verdict = LinearizabilityChecker(RegisterModel()).check(history)
      #expect((verdict == .linearizable) == verdicts[name] && verdict != .undecided, "\(name): \(verdict)")
    }
  }

  @Test(
    "the verdicts on the published key-value histories are reproduced",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func keyValues() throws {
    let folder = "linearizability/kv"
    let names = try Conformance.list(folder)
    #expect(names.count == 6)
    for name in names {
      let history = try PublishedHistory.keyValues(Conformance.bytes("\(folder)/\(name)"))
      let verdict = LinearizabilityChecker(KeyedAppendModel()).check(history) { $0.key }
      #expect(
        (verdict == .linearizable) == name.hasSuffix("ok.txt") && verdict != .undecided, "\(name): \(verdict)"
      )
    }
  }
}

/// A store of which each part of a history touches one key.
private struct KeyedAppendModel: SequentialModel {
  struct Operation: Hashable {
    let key: String
    let operation: AppendModel.Operation
  }

  let initial = ""

  func apply(_ operation: Operation, to state: String) -> String? {
    AppendModel().apply(operation.operation, to: state)
  }
}

/// The published formats: one event a line, a call or its end.
private enum PublishedHistory {
  struct Malformed: Error { let line: String }

  /// `INFO  jepsen.util - 3  :invoke  :cas  [1 2]`
  static func registers(_ bytes: [UInt8]) throws -> [HistoryOperation<RegisterModel.Operation>] {
    var open: [Int: (call: UInt64, kind: String, value: String)] = [:]
    var history: [HistoryOperation<RegisterModel.Operation>] = []
    func operation(_ kind: String, _ asked: String, end: String?, told: String) throws
      -> RegisterModel.Operation
    {
      let numbers = asked.split { !"-0123456789".contains($0) }.compactMap { Int($0) }
      switch kind {
      case ":read": return .read(Int(told), isUnknown: end != ":ok")
      case ":write" where numbers.count == 1: return .write(numbers[0])
      case ":cas" where numbers.count == 2:
        let succeeded = end == ":ok" ? true : end == ":fail" ? false : nil
        return .compareAndSet(expected: numbers[0], new: numbers[1], succeeded: succeeded)
      default: throw Malformed(line: "\(kind) \(asked)")
      }
    }
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    for (position, line) in lines.enumerated() {
      // Tabs in most files, spaces in some.
      let fields = line.split(whereSeparator: { $0 == "\t" || $0 == " " }).dropFirst(3).map(String.init)
      guard fields.count >= 4, let process = Int(fields[0]) else { throw Malformed(line: String(line)) }
      let value = fields[3...].joined(separator: " ")
      let time = UInt64(position)
      if fields[1] == ":invoke" {
        open[process] = (time, fields[2], value)
      } else if let call = open[process], fields[1] != ":info" {
        open[process] = nil
        history.append(
          HistoryOperation(
            try operation(call.kind, call.value, end: fields[1], told: value), called: call.call,
            returned: time))
      }
    }
    for process in open.keys.sorted() {
      guard let call = open[process] else { continue }
      history.append(
        HistoryOperation(
          try operation(call.kind, call.value, end: nil, told: ""), called: call.call, returned: nil))
    }
    return history
  }

  /// `{:process 9, :type :invoke, :f :append, :key "0", :value "x 9 0 y"}`, split by key.
  static func keyValues(_ bytes: [UInt8]) throws -> [HistoryOperation<KeyedAppendModel.Operation>] {
    var open: [Int: (call: UInt64, kind: Substring, key: Substring, value: Substring)] = [:]
    var history: [HistoryOperation<KeyedAppendModel.Operation>] = []
    func operation(_ kind: Substring, _ asked: Substring, told: Substring) throws -> AppendModel.Operation {
      switch kind {
      case "get": return .get(String(told))
      case "put": return .put(String(asked))
      case "append": return .append(String(asked))
      default: throw Malformed(line: String(kind))
      }
    }
    let text = String(decoding: bytes, as: UTF8.self)
    for (position, line) in text.split(separator: "\n").enumerated() {
      let pattern = /\{:process (\d+), :type :(\w+), :f :(\w+), :key "([^"]*)", :value (?:nil|"([^"]*)")\}/
      guard let match = line.wholeMatch(of: pattern), let process = Int(match.1) else {
        throw Malformed(line: String(line))
      }
      let time = UInt64(position)
      if match.2 == "invoke" {
        open[process] = (time, match.3, match.4, match.5 ?? "")
      } else if let call = open.removeValue(forKey: process) {
        let done = try operation(call.kind, call.value, told: match.5 ?? "")
        history.append(
          HistoryOperation(
            KeyedAppendModel.Operation(key: String(call.key), operation: done), called: call.call,
            returned: time))
      }
    }
    return history
  }
}
