import CSystem
import EventLoop
import Glibc
import OpenExec

/// TLS to a server of the Internet, spoken by OpenSSL's own program in a process of its own: this module has no TLS
/// (the layers keep that to `Network`), and what strangers send over it is parsed by nobody, without this program's memory or
/// rights. The certificate must be for the name, by the host's authorities; else nothing is sent.
struct TLSChild {
  /// This side's end: plaintext both ways. The caller's to close.
  let descriptor: Int32
  let child: ChildID

  /// Connects to an address that was judged, as the server of a name. A failure later is the end of the descriptor.
  static func start(
    loop: EventLoop, settings: EgressSettings, helpers: Helpers, address: NetworkAddress, port: Int,
    host: String
  ) throws(EgressRefusal) -> TLSChild {
    var ends: [Int32] = [-1, -1]
    let paired = csystem_socketpair(&ends)
    guard paired == 0 else { throw .unreachable("no socket, errno \(-paired)") }
    defer { _ = csystem_close(ends[1]) }
    // The program expects descriptors that wait.
    _ = csystem_set_nonblocking(ends[1], 0)
    let place = address.isIPv4 ? "\(address.text):\(port)" : "[\(address.text)]:\(port)"
    var arguments = [
      settings.tlsProgram, "s_client", "-quiet", "-verify_return_error", "-verify_hostname", host,
      "-servername", host,
      "-connect", place,
    ]
    if let authorities = settings.tlsAuthorities { arguments += ["-CAfile", authorities] }
    var plan = SpawnPlan(path: settings.tlsProgram, arguments: arguments)
    plan.descriptors = [ends[1], ends[1], nil]
    do {
      return TLSChild(descriptor: ends[0], child: try helpers.spawn(plan, on: loop) { _ in })
    } catch {
      _ = csystem_close(ends[0])
      throw .unreachable("\(error)")
    }
  }
}

extension csystem_address {
  /// An address and a port of a destination.
  init(_ address: NetworkAddress, port: Int) {
    self.init()
    family = address.isIPv4 ? 4 : 6
    withUnsafeMutableBytes(of: &bytes) { $0.copyBytes(from: address.bytes) }
    self.port = UInt16(port)
  }
}
