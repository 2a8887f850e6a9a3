import Canonical
import Host
import Rego

/// `claw policy fmt`.
enum PolicyLayout {
  static func run(_ call: Invocation) throws -> ExitCode {
    guard !(call.parsed.has("--check") && call.parsed.has("--write")) else {
      throw UsageError("expected --check or --write, not both")
    }
    let paths = try call.parsed.operands.flatMap(files)
    let isQuiet = call.parsed.has("--check") || call.parsed.has("--write")
    guard isQuiet || paths.count == 1 else {
      throw UsageError("expected one file, --check or --write")
    }
    var changed: [String] = []
    var text = ""
    for path in paths {
      let written = try Files.readText(path, limit: 4 << 20)
      do throws(RegoSyntaxError) {
        text = try Formatter.format(written, file: path)
      } catch {
        throw Failure(.other, error.description)
      }
      guard text != written else { continue }
      changed.append(path)
      if call.parsed.has("--write") { try Files.write(text, to: path) }
    }
    let names: [(String, JSON)] = [("changed", .array(changed.map(JSON.string)))]
    if isQuiet {
      if !changed.isEmpty || call.wantsJSON { call.say(Report(changed.joined(separator: "\n"), names)) }
    } else if call.wantsJSON {
      call.say(Report(text, names + [("text", .string(text))]))
    } else {
      // The file itself, tabs and all, to be kept in one.
      Terminal.write(text, to: 1)
    }
    return call.parsed.has("--check") && !changed.isEmpty ? .other : .ok
  }

  private static func files(_ path: String) throws -> [String] {
    guard Files.isFolder(path) else { return [path] }
    return try PolicyFolder.files(of: path, isForTests: true).filter { $0.path.hasSuffix(".rego") }.map {
      "\(path)/\($0.path)"
    }
  }
}
