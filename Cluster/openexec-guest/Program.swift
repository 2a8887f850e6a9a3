import CSystem
import Glibc
import Wire

/// The first process inside a built-in microVM, or, called with the word `entry`, inside a task of a containerd shim:
/// sets its surroundings up, runs one action as nobody, tells the executor what came of it, and ends.
@main
struct Program {
  static func main() {
    if CommandLine.arguments.dropFirst() == ["entry"] { return serveTask() }
    do throws(GuestFailure) {
      var conversation = Conversation(.machine(port: try Boot.bringUp()))
      try conversation.hold()
    } catch {
      // Nobody listens but a console, and that only where one was asked for. The executor sees the end
      // of the channel, which is never taken for success.
      Boot.complain(error)
    }
    _ = csystem_restart()
  }

  private static func serveTask() {
    do throws(GuestFailure) {
      var conversation = Conversation(try Surroundings.enterTask())
      try conversation.hold()
    } catch {
      let text = Array("openexec-guest: \(error)\n".utf8)
      _ = csystem_write(STDERR_FILENO, text, text.count)
      exit(1)
    }
  }
}

/// Why a guest gives up.
enum GuestFailure: Error {
  case system(String, Int32)
  case protocolViolation(String)
  case channelClosed
}
