import Glibc
import Host

/// `ssh-keygen`, which people's OpenSSH keys stay with: in a file, an agent or a token.
enum SSHKeygen {
  /// The armoured signature of `bytes` by the key in `file`. Whatever `ssh-keygen` has to ask it asks the terminal.
  static func sign(_ bytes: [UInt8], key file: String, namespace: String) throws -> String {
    var input: [Int32] = [0, 0]
    var output: [Int32] = [0, 0]
    guard pipe(&input) == 0 else { throw fault("pipe", errno) }
    guard pipe(&output) == 0 else {
      close(input[0])
      close(input[1])
      throw fault("pipe", errno)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO)
    for end in input + output { posix_spawn_file_actions_addclose(&actions, end) }
    let words = ["ssh-keygen", "-Y", "sign", "-n", namespace, "-f", file]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    let spawned = posix_spawnp(&child, "ssh-keygen", &actions, nil, &arguments, environ)
    close(input[0])
    close(output[1])
    // A statement is shorter than what a pipe holds, so that nobody waits for anybody.
    if spawned == 0 { write(bytes, to: input[1]) }
    close(input[1])
    let armored = spawned == 0 ? read(output[0]) : []
    close(output[0])
    guard spawned == 0 else { throw fault("ssh-keygen", spawned) }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    guard status == 0 else {
      throw Failure(.other, "ssh-keygen did not sign with \(file): it ended with status \(status >> 8)")
    }
    return String(decoding: armored, as: UTF8.self)
  }

  private static func fault(_ what: String, _ code: Int32) -> Failure {
    Failure(.other, "\(what): \(String(cString: strerror(code)))")
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) {
    var done = 0
    while done < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress.map { $0 + done }, bytes.count - done)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      done += count
    }
  }

  /// What comes, as far as a signature can be long.
  private static func read(_ descriptor: Int32) -> [UInt8] {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 4096)
    while bytes.count <= 1 << 16 {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return bytes
  }
}
