import Glibc
import OpenExec

/// This host's own addresses, as its interfaces have them now.
enum HostAddresses {
  /// All of them; empty where the kernel gives none.
  static var all: [NetworkAddress] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var found: [NetworkAddress] = []
    var next = list
    while let entry = next?.pointee {
      next = entry.ifa_next
      guard let raw = UnsafeRawPointer(entry.ifa_addr) else { continue }
      let bytes: [UInt8]
      switch Int32(raw.loadUnaligned(as: sockaddr.self).sa_family) {
      case AF_INET:
        bytes = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
      case AF_INET6:
        bytes = withUnsafeBytes(of: raw.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
      default: continue
      }
      if let address = NetworkAddress(bytes: bytes), !found.contains(address) { found.append(address) }
    }
    return found
  }
}
