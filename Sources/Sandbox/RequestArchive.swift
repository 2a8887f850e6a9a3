/// What a machine whose time is counted is to run, as one more archive of its initramfs: arriving over the channel it
/// would come at another instruction in each run.
enum RequestArchive {
  /// Where the guest looks for it.
  static let path = "request"

  /// The archive of a request's frame.
  static func bytes(_ request: [UInt8]) -> [UInt8] {
    CpioArchive.bytes([CpioArchive.Entry(path: path, permissions: 0o400, content: request)])
  }
}
