import Glibc
import Images

/// `zstd` of the distribution, for layers that are packed by it: the project links no library for that. It is given the
/// packed bytes, which are those of their digest, on its standard input and nothing else: no path and no environment.
/// What it says is written by us, no more than a layer may have, and held against the layer's `diff_id`.
enum Zstd {
  /// The program, where `PATH` has one.
  static var program: String? {
    (Environment.value("PATH") ?? "").split(separator: ":").map { "\($0)/zstd" }.first {
      access($0, X_OK) == 0
    }
  }

  /// Unpacks `packed` for `take`, at most `limit` bytes.
  static func unpack(
    _ packed: String, limit: Int, program: String? = program,
    _ take: ([UInt8]) throws(ImageError) -> Void
  ) throws(ImageError) {
    guard let program else {
      throw .layout(
        "a layer is packed by zstd, and the program zstd is not installed: install the package zstd, or repack the "
          + "image, such as by skopeo copy --dest-compress-format gzip")
    }
    let input = open(packed, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard input >= 0 else { throw .file(packed, errno: errno) }
    defer { close(input) }
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw .file("pipe", errno: errno) }
    defer { close(ends[0]) }
    let child = spawn(program, input: input, output: ends)
    close(ends[1])
    let pid: pid_t
    switch child {
    case .success(let started): pid = started
    case .failure(let code): throw .file(program, errno: code.errno)
    }
    var fault: ImageError?
    do throws(ImageError) {
      try read(ends[0], limit: limit, take)
    } catch {
      fault = error
      kill(pid, SIGKILL)
    }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    if let fault { throw fault }
    guard status == 0 else {
      throw .layout("\(program) did not unpack a layer: it ended with status \(status >> 8)")
    }
  }

  private struct SpawnFault: Error { let errno: Int32 }

  private static func spawn(_ program: String, input: Int32, output: [Int32]) -> Result<pid_t, SpawnFault> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
    for end in output { posix_spawn_file_actions_addclose(&actions, end) }
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    // No more memory for a window than zstd itself asks for by default.
    let words = [program, "-d", "-c", "-q", "--memory=128MB"]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var pid: pid_t = 0
    let code = posix_spawn(&pid, program, &actions, nil, &arguments, &environment)
    return code == 0 ? .success(pid) : .failure(SpawnFault(errno: code))
  }

  private static func read(
    _ descriptor: Int32, limit: Int, _ take: ([UInt8]) throws(ImageError) -> Void
  ) throws(ImageError) {
    var chunk = [UInt8](repeating: 0, count: 256 << 10)
    var total = 0
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .file("pipe", errno: errno) }
      guard count > 0 else { return }
      total += count
      guard total <= limit else { throw .limit("bytes in a layer", limit) }
      try take(Array(chunk[..<count]))
    }
  }
}
