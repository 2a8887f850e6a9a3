import Glibc
import Simulator

/// The simulator's command line.
@main
struct Program {
  static let usage = """
    usage: clawsim run --seed N [--suite real|tiny] [--check-determinism] [--quiet]
           clawsim campaign --seeds A..B [--jobs J] [--suite real|tiny] [--resume FILE] [--lenient]
           clawsim replay FILE [--check-determinism] [--quiet]
           clawsim scenario NAME...|all [--folder F] [--jobs J] [--audit [--paced] [--reseeded]]
           clawsim shrink --seed N | FILE [--suite real|tiny] [--mutant M] [-o FILE] [--budget RUNS]
           clawsim mutants [NAME...] [--list] [--seeds A..B] [--jobs J] [--folder F] [--suite real|tiny]
           clawsim report --seed N | FILE -o out.html [--suite real|tiny]
           clawsim schedule --seed N
    exit codes: 0 clean, 1 a property was violated, 2 usage, 3 not live
    """

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    do {
      exit(try command(arguments.first ?? "", Array(arguments.dropFirst())))
    } catch {
      complain((error as? UsageError)?.message ?? "\(error)")
      if error is UsageError { complain("clawsim help says how it is called") }
      exit(2)
    }
  }

  private static func command(_ name: String, _ arguments: [String]) throws -> Int32 {
    switch name {
    case "run": return try RunCommand.run(arguments)
    case "replay": return try RunCommand.replay(arguments)
    case "schedule": return try RunCommand.schedule(arguments)
    case "report": return try RunCommand.report(arguments)
    case "campaign": return try CampaignCommand.run(arguments)
    case "scenario": return try ScenarioCommand.run(arguments)
    case "shrink": return try ShrinkCommand.run(arguments)
    case "mutants": return try MutantsCommand.run(arguments)
    case "worker": return try Worker.serve(arguments)
    case "help", "--help", "-h":
      say(usage)
      return 0
    default:
      complain(usage)
      return 2
    }
  }
}
