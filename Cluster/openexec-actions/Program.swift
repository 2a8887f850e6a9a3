import Canonical
import Glibc

/// The built-in actions as one program: `/action <name>`, parameters as JSON on standard input, for those
/// that read files with the files beside them, result as JSON on standard output. Runs inside a sandbox and trusts nothing it is given.
@main
struct Program {
  static func main() {
    do throws(ActionFailure) {
      guard CommandLine.arguments.count == 2, let action = Action(rawValue: CommandLine.arguments[1])
      else {
        let names = Action.allCases.map(\.rawValue).joined(separator: ", ")
        throw .usage("expected one of: \(names)")
      }
      let result = try action.run(try StandardStreams.readDocument())
      try StandardStreams.write(result.canonicalBytes() + [10])
    } catch {
      StandardStreams.complain(error.description)
      exit(error.exitStatus)
    }
  }
}

/// What an action can do.
enum Action: String, CaseIterable {
  case echo, add, transform, report

  func run(_ document: JSON) throws(ActionFailure) -> JSON {
    switch self {
    case .echo: try Echo.run(document)
    case .add: try Add.run(document)
    case .transform: try Transform.run(try Task(document))
    case .report: try Report.run(try Task(document))
    }
  }
}

/// Why an action gives up.
enum ActionFailure: Error, CustomStringConvertible {
  case usage(String)
  case parameters(String)
  case stream(String, Int32)

  var description: String {
    switch self {
    case .usage(let what): what
    case .parameters(let what): "parameters: \(what)"
    case .stream(let what, let code): "\(what): errno \(code)"
    }
  }

  /// As in sysexits(3).
  var exitStatus: Int32 {
    switch self {
    case .usage: 64
    case .parameters: 65
    case .stream: 74
    }
  }
}
