import Foundation
import Testing

@testable import Raft

/// Published majority and joint quorum cases, read in place; and what they do not say.
struct QuorumTests {
  private static let folder = ProcessInfo.processInfo.environment["OPENEXEC_CONFORMANCE"].map {
    "\($0)/raft-quorum"
  }

  struct Case {
    let command: String
    let incoming: [NodeID]
    let outgoing: [NodeID]
    let values: [String]
    let expected: String
  }

  /// Cases are a command line, `----`, and output up to an empty line, of which the last line is the result.
  private static func cases(in file: String) throws -> [Case] {
    let path = try #require(folder)
    let text = try String(contentsOfFile: "\(path)/\(file)", encoding: .utf8)
    var result: [Case] = []
    var command: String?
    var output: [String]?
    for line in text.components(separatedBy: "\n") + [""] {
      if line == "----" {
        output = []
      } else if let lines = output {
        if line.isEmpty {
          if let command { result.append(parse(command, expected: lines.last ?? "")) }
          command = nil
          output = nil
        } else {
          output = lines + [line]
        }
      } else if !line.isEmpty && !line.hasPrefix("#") {
        command = line
      }
    }
    return result
  }

  private static func parse(_ line: String, expected: String) -> Case {
    func list(_ name: String) -> [String] {
      guard let start = line.range(of: " \(name)=("),
        let end = line.range(of: ")", range: start.upperBound..<line.endIndex)
      else { return [] }
      return line[start.upperBound..<end.lowerBound].split(separator: ",").map {
        $0.trimmingCharacters(in: .whitespaces)
      }
    }
    func ids(_ name: String) -> [NodeID] {
      list(name).compactMap { UInt64($0) }.compactMap(NodeID.init(rawValue:))
    }
    return Case(
      command: line, incoming: ids("cfg"), outgoing: ids("cfgj"), values: list("idx") + list("votes"),
      expected: expected)
  }

  /// Values belong to the voters in order of their first appearance; `_` is none.
  private static func value(of voter: NodeID, in example: Case) -> String? {
    var order: [NodeID] = []
    for id in example.incoming + example.outgoing where !order.contains(id) { order.append(id) }
    guard let position = order.firstIndex(of: voter), position < example.values.count,
      example.values[position] != "_"
    else { return nil }
    return example.values[position]
  }

  @Test(
    "committed index of majority and joint quorums: published cases",
    .enabled(if: folder != nil, "OPENEXEC_CONFORMANCE is not set"),
    arguments: ["majority_commit.txt", "joint_commit.txt"])
  func committedIndex(file: String) throws {
    let cases = try Self.cases(in: file)
    #expect(cases.count >= 10)
    for example in cases {
      let configuration = Configuration(voters: example.incoming, outgoing: example.outgoing)
      let index = configuration.quorum.committedIndex { voter in
        Self.value(of: voter, in: example).flatMap(UInt64.init).map(LogIndex.init(rawValue:))
      }
      let text = index == .max ? "∞" : "\(index.rawValue)"
      #expect(
        example.expected.replacingOccurrences(of: "<empty majority quorum>", with: "") == text, "\(example)")
    }
  }

  @Test(
    "outcome of votes in majority and joint quorums: published cases",
    .enabled(if: folder != nil, "OPENEXEC_CONFORMANCE is not set"),
    arguments: ["majority_vote.txt", "joint_vote.txt"])
  func voteOutcome(file: String) throws {
    let cases = try Self.cases(in: file)
    #expect(cases.count >= 10)
    for example in cases {
      let configuration = Configuration(voters: example.incoming, outgoing: example.outgoing)
      let outcome = configuration.quorum.outcome { Self.value(of: $0, in: example).map { $0 == "y" } }
      let expected: VoteOutcome? =
        switch example.expected {
        case "VoteWon": .won
        case "VoteLost": .lost
        case "VotePending": .pending
        default: nil
        }
      #expect(outcome == expected, "\(example)")
    }
  }

  @Test("a joint decision takes a majority of each side, never of the union")
  func jointIsNotUnion() {
    let quorum = Configuration(voters: [1, 2, 3], outgoing: [4, 5, 6, 7]).quorum
    // Five of seven, but only two of the outgoing four.
    #expect(quorum.outcome { [1, 2, 3, 4, 5].contains($0) ? true : nil } == .pending)
    #expect(quorum.committedIndex { [1, 2, 3, 4, 5].contains($0) ? 9 : 0 } == 0)
  }

  @Test("a committed index is the greatest that some majority has reached, for all small inputs")
  func committedIndexBruteForce() {
    for size in 1...5 {
      let voters = (1...size).compactMap { NodeID(rawValue: UInt64($0)) }
      let quorum = MajorityQuorum(voters: voters)
      var counter = [Int](repeating: 0, count: size)
      while true {
        let index = quorum.committedIndex { LogIndex(rawValue: UInt64(counter[Int($0.rawValue) - 1])) }
        let expected = (0...3).last { bound in counter.filter { $0 >= bound }.count > size / 2 } ?? 0
        #expect(index.rawValue == UInt64(expected))
        guard let digit = counter.firstIndex(where: { $0 < 3 }) else { break }
        counter[digit] += 1
        for lower in 0..<digit { counter[lower] = 0 }
      }
    }
  }

  @Test("a configuration sorts, drops duplicates, and lists no voter as a learner")
  func configurationNormalised() {
    let configuration = Configuration(voters: [3, 1, 3], outgoing: [4, 1], learners: [5, 4, 3, 5])
    #expect(configuration.voters == [1, 3])
    #expect(configuration.outgoing == [1, 4])
    #expect(configuration.learners == [5])
    #expect(configuration.members == [1, 3, 4, 5])
    #expect(configuration.isJoint && !Configuration(voters: [1]).isJoint)
  }
}
