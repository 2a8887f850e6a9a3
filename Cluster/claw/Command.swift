import Canonical
import Glibc
import Host
import Wire

/// How the program ended, for scripts.
enum ExitCode: Int32 {
  case ok = 0
  /// Something here: a file, a key, a bad answer.
  case other = 1
  case usage = 2
  case denied = 3
  case pending = 4
  case notFound = 5
  case unreachable = 6
  /// Failed, aborted, withdrawn, or nobody can say.
  case failed = 7
  /// Handed in, and not known to hold: fewer nodes than sign say that a restriction binds, an act was not final in
  /// time, or a request was not answered.
  case unconfirmed = 8

  static let help = """
    exit codes: 0 ok, completed; 1 a fault that the message names; 2 usage; 3 denied;
                4 pending, not decided yet; 5 not found; 6 no node could be reached;
                7 failed, aborted, withdrawn or unknown; 8 handed in, and not confirmed:
                fewer nodes than sign say that a restriction binds, an operators' act
                was not final in time, or a request was not answered
    """
}

/// Why a command ends early.
struct Failure: Error, CustomStringConvertible {
  let code: ExitCode
  let description: String
  /// What a node answered; nil where it is no node's.
  let status: CallStatus?

  /// Whether a node has the call, and the time for its answer is over.
  var isOverdue: Bool { status?.code == .deadlineExceeded }

  init(_ code: ExitCode = .other, _ description: String, status: CallStatus? = nil) {
    self.code = code
    self.description = description
    self.status = status
  }
}

/// What a command has to say, for people and for programs.
struct Report {
  /// Lines for people.
  var text: String
  /// The same for programs, in full.
  var json: JSON
  /// What programs read instead, where there may be numbers in it that no double is: one JSON text.
  var exactJSON: String?

  init(_ text: String, _ json: [(String, JSON)]) {
    self.text = text
    self.json = .object(json)
  }

  init(_ text: String, exactJSON: String) {
    self.init(text, [])
    self.exactJSON = exactJSON
  }
}

/// One command: how it is called, and what it does.
struct Command: Sendable {
  let syntax: CommandSyntax
  let run: @Sendable (Invocation) throws -> ExitCode

  /// A command; every one has `--json` and `--help`.
  init(
    _ name: String, _ summary: String, operands: [String] = [], options: [CommandOption] = [],
    details: String = "", run: @escaping @Sendable (Invocation) throws -> ExitCode
  ) {
    let common = [
      CommandOption(flag: "--json", "one JSON object instead of text"),
      CommandOption(flag: "--help", "this text"),
    ]
    syntax = CommandSyntax(
      name, summary, operands: operands, options: options + common,
      details: (details.isEmpty ? "" : details + "\n\n") + ExitCode.help)
    self.run = run
  }

  /// Options of every command that speaks to a cluster.
  static let session = [
    CommandOption("--as", "DIR", "identity folder; default $CLAW_IDENTITY"),
    CommandOption("--node", "NAME", "ask this node first"),
    CommandOption(
      flag: "--fresh", "answered from a state no older than this call, or by another node"),
    CommandOption("--timeout", "SECONDS", "how long an answer may take; default 60"),
  ]
}

/// One call of a command.
struct Invocation {
  let parsed: ParsedCommand

  var wantsJSON: Bool { parsed.has("--json") }

  /// Says something on standard output.
  func say(_ report: Report) {
    let text = wantsJSON ? (report.exactJSON ?? report.json.canonical) + "\n" : VisibleText.lines(report.text)
    Terminal.write(text.hasSuffix("\n") ? text : text + "\n", to: 1)
  }

  /// Says something to people alone.
  func remark(_ text: String) {
    if !wantsJSON { Terminal.write(VisibleText.lines(text) + "\n", to: 2) }
  }
}

/// Standard output and standard error.
enum Terminal {
  /// Writes all of it. What standard output does not take ends the program: a script that reads less than was
  /// said must not take it for the whole.
  static func write(_ text: String, to descriptor: Int32) {
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return lost(descriptor) }
      written += count
    }
  }

  private static func lost(_ descriptor: Int32) {
    guard descriptor == STDOUT_FILENO else { return }
    let error = errno
    // A reader that has seen enough is no surprise to anybody.
    if error != EPIPE {
      write("claw: standard output: \(String(cString: strerror(error)))\n", to: STDERR_FILENO)
    }
    exit(ExitCode.other.rawValue)
  }
}
