import Foundation
import Testing

@testable import clawsim

/// What `campaign --resume` takes up, and what it refuses without touching it.
struct CampaignFileTests {
  private let folder = try? TestFolder()
  private var path: String { (folder?.path ?? "") + "/seeds" }
  private let heading = "seeds of clawsim campaign, suite tiny\n"
  private let clean = "\t0\t\t\t5000000000\tcommit=12|nonce=3\tcrash=4\n"

  private func write(_ text: String) throws { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) }
  private func written() throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

  @Test(
    "a file that no campaign of this suite wrote is refused with what was expected, and stays as it is",
    arguments: [
      (
        "seeds of clawsim campaign, suite real\n1\t0\t\t\t5\t\t\n",
        "line 1: expected 'seeds of clawsim campaign, suite tiny'"
      ),
      ("seeds of another program\n", "line 1: expected 'seeds of clawsim campaign, suite tiny'"),
      ("a list of my own, without an end", "line 1: expected 'seeds of clawsim campaign, suite tiny'"),
      ("\n", "line 1: expected 'seeds of clawsim campaign, suite tiny'"),
      ("HEAD1\t0\t\t\t5\t\t\nnonsense\n", "line 3: expected a seed and what its run said"),
      ("HEAD1\t0\t\t\t5\t\t\n\n2\t0\t\t\t5\t\t\n", "line 3: expected a seed and what its run said"),
      ("HEADx\t0\t\t\t5\t\t\n", "line 2: expected a seed and what its run said"),
      ("HEAD1\t0\t\t\t5\t\n", "line 2: expected a seed and what its run said"),
      ("HEAD1\t9\t\t\t5\t\t\n", "line 2: expected a seed and what its run said"),
      ("HEAD1\t0\tcommit\t\t5\t\t\n", "line 2: expected a seed and what its run said"),
      ("HEAD1\t0\t\t\t5\tcommit=1x\t\n", "line 2: expected a seed and what its run said"),
      ("HEAD1\t0\t\t\t5\t\tcrash=4|\n", "line 2: expected a seed and what its run said"),
      ("HEAD1\t0\t\t\t5\t\t\nnotes of mine", "line 3: expected a seed and what its run said"),
    ])
  func refused(text: String, message: String) throws {
    let text = text.replacingOccurrences(of: "HEAD", with: heading)
    try write(text)
    let outcome = try Built.clawsim(["campaign", "--seeds", "1..1", "--suite", "tiny", "--resume", path])
    #expect(outcome.code == 2, "\(outcome.output)")
    #expect(outcome.output.contains("\(path), \(message)"), "\(outcome.output)")
    #expect(try written() == text)
  }

  @Test(
    "wherever the process was killed, whole lines count, the half one is run again, and the file is whole after it"
  )
  func killedAnywhere() throws {
    let whole = heading + "1" + clean + "2\t1\tsafety\ttwo ledgers – one too many\t9\tcommit=1\tcrash=123\n"
    let bytes = Array(whole.utf8)
    var wrong: [Int] = []
    for length in 0...bytes.count {
      try Data(bytes[..<length]).write(to: URL(fileURLWithPath: path))
      let ends = bytes[..<length].count { $0 == 0x0A }
      let kept = max(0, ends - 1)
      // Ends with its scope, so that what it appended is there.
      do {
        let file = try CampaignFile(path: path, suite: .tiny)
        if file.earlier.map(\.seed) != Array([1, 2].prefix(kept)) { wrong.append(length) }
        let report = try #require(Report(line: clean.dropFirst().dropLast()))
        #expect(file.append(3, report))
      }
      let lines = whole.split(separator: "\n", omittingEmptySubsequences: false).prefix(max(1, ends))
      if try written() != lines.joined(separator: "\n") + "\n3" + clean { wrong.append(length) }
    }
    #expect(wrong == [], "ended after so many bytes")
  }

  @Test("a seed whose line is half written is run again, and the next campaign has all of them")
  func resumed() throws {
    // The group that every build has.
    let heading = CampaignFile.heading(.real) + "\n"
    try write(heading + "2" + clean + "1\t0\t\t\t5000000000\tcommit=1")
    let arguments = ["campaign", "--seeds", "1..2", "--lenient", "--resume", path]
    let outcome = try Built.clawsim(arguments)
    #expect(outcome.code == 0 && outcome.output.contains("2 seeds, "), "\(outcome.output)")
    let text = try written()
    #expect(text.hasPrefix(heading + "2" + clean + "1\t0\t\t\t"), "\(text)")
    #expect(text.hasSuffix("\n") && text.split(separator: "\n").count == 3, "\(text)")
    // Nothing is left to run: what is said of the seeds is what the file has.
    let again = try Built.clawsim(arguments)
    #expect(again.code == 0 && again.output.contains("2 seeds, "), "\(again.output)")
    #expect(try written() == text)
  }

  @Test("a seed that this build cannot run is not written down as one that was run")
  func notRun() throws {
    let arguments = ["campaign", "--seeds", "1..1", "--suite", "tiny", "--lenient", "--resume", path]
    let outcome = try Built.clawsim(arguments)
    #expect(
      outcome.code == 2 && outcome.output.contains("this build has the real one alone"), "\(outcome.output)")
    #expect(try written() == heading)
  }
}
