import Canonical
import Glibc
import Host

/// The command line: founding a cluster, and speaking to one.
@main
struct Program {
  static let version = "0.1.0"

  static let commands: [Command] =
    Founding.commands + PartyCommands.all + IdentityCommands.all + ProposalCommands.all
    + ApprovalCommands.all + VetoCommands.all + StatusCommands.all + AlertCommands.all
    + ComplianceCommands.all + IncidentCommands.all + ErasureCommands.all
    + SeverityCommands.all + RotationCommands.all + RenewalCommands.all + TraceCommands.all
    + EnrolmentCommands.all
    + MembersCommands.all + RecoverCommands.all + VersionCommands.all + BackupCommands.all
    + ArtifactCommands.all + ImageCommands.all + LedgerCommands.all + PolicyCommands.all
    + [PolicySigning.command] + PolicyActivation.all + PolicyShadow.all + Bench.commands

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    // A reader that goes away ends a write with EPIPE, not the process.
    signal(SIGPIPE, SIG_IGN)
    switch arguments.first {
    case .none, "help", "--help", "-h":
      Terminal.write(overview, to: 1)
      exit(arguments.isEmpty ? ExitCode.usage.rawValue : 0)
    case "--version": Terminal.write("claw \(version)\n", to: 1)
    default: exit(dispatch(arguments).rawValue)
    }
  }

  private static func dispatch(_ arguments: [String]) -> ExitCode {
    // The longest name wins, so that `ledger export` is not taken for `ledger`.
    let matching = commands.filter { arguments.starts(with: $0.syntax.words) }
    guard let command = matching.max(by: { $0.syntax.words.count < $1.syntax.words.count }) else {
      return unknown(arguments)
    }
    let rest = Array(arguments.dropFirst(command.syntax.words.count))
    if rest.prefix(while: { $0 != "--" }).contains("--help") {
      Terminal.write(command.syntax.help(program: "claw"), to: 1)
      return .ok
    }
    let wantsJSON = rest.contains("--json")
    do {
      return try command.run(Invocation(parsed: try command.syntax.parse(rest)))
    } catch let error as UsageError {
      let hint = "\(error)\nusage: \(command.syntax.usage(program: "claw"))   (see --help)"
      return fail(wantsJSON ? error.description : hint, .usage, json: wantsJSON)
    } catch let error as Failure {
      return fail(error.description, error.code, json: wantsJSON)
    } catch {
      return fail("\(error)", .other, json: wantsJSON)
    }
  }

  private static func unknown(_ arguments: [String]) -> ExitCode {
    let word = arguments.first ?? ""
    let family = commands.filter { $0.syntax.words.first == word }
    if !family.isEmpty {
      let isHelp = arguments.contains("--help")
      let text = "commands of claw \(word):\n\(list(family))\n\(ExitCode.help)\n"
      Terminal.write(text, to: isHelp ? 1 : 2)
      return isHelp ? .ok : .usage
    }
    return fail("there is no command \(word); see claw --help", .usage, json: arguments.contains("--json"))
  }

  private static func fail(_ message: String, _ code: ExitCode, json: Bool) -> ExitCode {
    if json {
      let value = JSON.object([("error", .string(message)), ("exit_code", .integer(Int(code.rawValue)))])
      Terminal.write(value.canonical + "\n", to: 1)
    } else {
      Terminal.write("claw: \(VisibleText.lines(message))\n", to: 2)
    }
    return code
  }

  private static func list(_ commands: [Command]) -> String {
    let width = commands.map(\.syntax.name.count).max() ?? 0
    return commands.map { command in
      let gap = String(repeating: " ", count: width - command.syntax.name.count + 2)
      return "  \(command.syntax.name)\(gap)\(command.syntax.summary)\n"
    }.joined()
  }

  private static var overview: String {
    """
    claw: governed execution of agents' actions

    usage: claw COMMAND [options]        claw COMMAND --help says more

    \(list(commands))
    Commands that speak to a cluster do so as somebody: --as DIR or $CLAW_IDENTITY names the folder of
    an identity. Any node answers; they are tried in order. What forbids (kill, quarantine, revoke-token,
    revoke-certificates) goes to all of them at once.
    \(ExitCode.help)

    """
  }
}
