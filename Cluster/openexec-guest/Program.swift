import CSystem
import Wire

/// The first process inside a built-in microVM: sets the machine up, runs one action as nobody, tells
/// the executor what came of it, and ends the machine.
@main
struct Program {
  static func main() {
    do throws(GuestFailure) {
      let port = try Boot.bringUp()
      var conversation = Conversation(port: port)
      try conversation.hold()
    } catch {
      // Nobody listens but a console, and that only where one was asked for. The executor sees the end
      // of the channel, which is never taken for success.
      Boot.complain(error)
    }
    _ = csystem_restart()
  }
}

/// Why a guest gives up.
enum GuestFailure: Error {
  case system(String, Int32)
  case protocolViolation(String)
  case channelClosed
}
