import Foundation
import Testing

@testable import clawsim

/// What is said to `clawsim` is done, or refused with what was expected; and what it prints to be run again fails again.
struct ClawsimCommandLineTests {
  @Test(
    "what is said twice, and what nobody takes, is a usage error that says what was expected",
    arguments: [
      ("run --seed 7 --seed 8", "--seed is given twice, expected it once"),
      ("run --seed 7 --quiet --quiet", "--quiet is given twice, expected it once"),
      ("run --seed 7 8", "expected options alone, found 8 as well"),
      ("schedule --seed 7 8", "expected options alone, found 8 as well"),
      ("campaign --seeds 1..2 --seeds 1..3", "--seeds is given twice, expected it once"),
      ("campaign --seeds 1..2 out.txt", "expected options alone, found out.txt as well"),
      ("worker --suite tiny 3", "expected options alone, found 3 as well"),
      ("replay a.scenario b.scenario", "expected one file, found b.scenario as well"),
      ("shrink --seed 7 a.scenario", "--seed does not go with a file"),
      ("shrink --suite tiny a.scenario", "--suite does not go with a file"),
      ("shrink a.scenario b.scenario", "expected one file, found b.scenario as well"),
      ("report --seed 7 a.scenario -o /dev/null", "--seed does not go with a file"),
      ("scenario no-such --paced", "expected --audit as well"),
      ("scenario no-such --jobs 1 --jobs 2", "--jobs is given twice, expected it once"),
      ("campaign --seeds 0..18446744073709551615", "--seeds needs a range such as 1..300"),
    ])
  func refused(line: String, message: String) throws {
    let outcome = try Built.clawsim(line.split(separator: " ").map(String.init))
    #expect(outcome.code == 2 && outcome.output.contains(message), "\(outcome.output)")
  }

  @Test("a folder without a scenario is no folder whose scenarios are all green")
  func emptyFolder() throws {
    let folder = try TestFolder()
    let outcome = try Built.clawsim(["scenario", "all", "--folder", folder.path])
    #expect(outcome.code == 2, "\(outcome.output)")
    #expect(outcome.output.contains("\(folder.path) has no file NAME.scenario"), "\(outcome.output)")
    #expect(!outcome.output.contains("green"), "\(outcome.output)")
  }

  @Test("a run's own line names its seed, its suite and its mutant, and can be read again")
  func replayLines() throws {
    let lines = [
      ReplayLine.run(7, .real, mutant: nil), ReplayLine.run(7, .tiny, mutant: "raft-01-x"),
      ReplayLine.shrink(7, .tiny), ReplayLine.file("small.scenario", mutant: nil),
      ReplayLine.file("small.scenario", mutant: "raft-01-x"),
    ]
    #expect(
      lines == [
        "clawsim run --seed 7", "clawsim run --seed 7 --suite tiny --mutant raft-01-x",
        "clawsim shrink --seed 7 --suite tiny", "clawsim replay small.scenario",
        "clawsim replay small.scenario --mutant raft-01-x",
      ])
    for line in lines {
      let options = try Options(
        line.split(separator: " ").dropFirst(2).map(String.init), values: ["--seed", "--suite", "--mutant"],
        mostOperands: 1)
      #expect(options.value("--mutant") == (line.contains("raft-01-x") ? "raft-01-x" : nil))
    }
  }
}
