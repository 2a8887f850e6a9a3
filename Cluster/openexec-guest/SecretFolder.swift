import CSystem
import Glibc
import Wire

/// The secrets of this run: files in memory that the action alone can read, gone with the machine. They are in no
/// environment, on no command line, and nowhere else in the guest.
enum SecretFolder {
  static let path = "/secrets"

  /// Writes them, if there are any, and makes the folder read-only.
  static func fill(_ secrets: [GuestSecret]) throws(GuestFailure) {
    guard !secrets.isEmpty else { return }
    guard secrets.allSatisfy(\.isNamed), Set(secrets.map(\.name)).count == secrets.count else {
      throw .protocolViolation("a secret's name is no file name of its own")
    }
    try Boot.mountTemporary(path, size: 1 << 20, inodes: secrets.count + 8, mode: "0500")
    guard chown(path, ActionProcess.user, ActionProcess.user) == 0 else {
      throw .system("chown \(path)", errno)
    }
    for secret in secrets { try write(secret) }
    try Boot.makeReadOnly(path)
  }

  private static func write(_ secret: GuestSecret) throws(GuestFailure) {
    let file = open("\(path)/\(secret.name)", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o400)
    guard file >= 0 else { throw .system("create a secret's file", errno) }
    defer { close(file) }
    var written = 0
    while written < secret.value.count {
      let count = secret.value.withUnsafeBytes { bytes in
        csystem_write(file, bytes.baseAddress.map { $0 + written }, bytes.count - written)
      }
      guard count > 0 else { throw .system("write a secret's file", Int32(-count)) }
      written += count
    }
    guard fchown(file, ActionProcess.user, ActionProcess.user) == 0 else {
      throw .system("chown a secret's file", errno)
    }
  }
}
