import CSystem
import EventLoop
import Glibc

/// The few file operations that a sandbox needs; none follows a link at the path's end.
enum Folders {
  static func failure(_ path: String, _ call: String) -> SandboxError {
    .file(path, SystemError(code: errno, call: call))
  }

  /// The whole content of a regular file.
  static func read(_ path: String, limit: Int) throws(SandboxError) -> [UInt8] {
    // A FIFO in its place would keep who opens it waiting for the other side.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
    guard descriptor >= 0 else { throw failure(path, "open") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw failure(path, "fstat") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .unfit(path: path, "not a regular file") }
    guard status.st_size <= limit else { throw .unfit(path: path, "longer than \(limit) bytes") }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
      let count = bytes.withUnsafeMutableBytes { buffer in
        csystem_read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
      }
      guard count > 0 else { throw .unfit(path: path, "changed while it was read") }
      filled += count
    }
    return bytes
  }

  /// A kernel file whose size is not known before it is read.
  static func readKernelFile(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 16 << 10)
    let count = csystem_read(descriptor, &bytes, bytes.count)
    return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }

  /// Writes to a file that is there already, as the kernel's are; whether it took all of it.
  static func writeKernelFile(_ path: String, _ text: String) -> Bool {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    return csystem_write(descriptor, bytes, bytes.count) == bytes.count
  }

  /// A new file with these bytes.
  static func create(
    _ path: String, _ pieces: [[UInt8]], mode: mode_t
  ) throws(SandboxError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
    guard descriptor >= 0 else { throw failure(path, "create") }
    defer { close(descriptor) }
    for bytes in pieces {
      var written = 0
      while written < bytes.count {
        let count = bytes.withUnsafeBytes { buffer in
          csystem_write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
        }
        guard count > 0 else { throw failure(path, "write") }
        written += count
      }
    }
  }

  static func make(_ path: String, mode: mode_t) throws(SandboxError) {
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw failure(path, "mkdir") }
    var status = stat()
    guard lstat(path, &status) == 0 else { throw failure(path, "lstat") }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw .unfit(path: path, "not a folder") }
  }

  /// Makes a folder and those above it.
  static func makeAll(_ path: String, mode: mode_t) throws(SandboxError) {
    var made = path.hasPrefix("/") ? "" : "."
    for part in path.split(separator: "/") {
      made += "/\(part)"
      try make(made, mode: mode)
    }
  }

  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func isLink(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFLNK
  }

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Bytes of a file; nil where there is none.
  static func size(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : nil
  }

  /// The names in a folder, ascending, without the two dots; none where it cannot be read.
  static func names(_ path: String) -> [String] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Runs a program of the system to its end, at most so many seconds; whether it did what it should.
  static func run(_ arguments: [String], seconds: Int32) -> Bool {
    var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    let descriptors: [Int32] = [-1, -1, -1]
    defer { for string in strings { free(string) } }
    var child = csystem_child()
    let started = strings.withUnsafeMutableBufferPointer { strings in
      environment.withUnsafeMutableBufferPointer { environment in
        descriptors.withUnsafeBufferPointer { descriptors in
          var plan = csystem_spawn()
          plan.path = strings.first?.map { UnsafePointer($0) }
          plan.arguments = UnsafePointer(strings.baseAddress)
          plan.environment = UnsafePointer(environment.baseAddress)
          plan.descriptors = descriptors.baseAddress
          plan.descriptor_count = descriptors.count
          return csystem_spawn(&plan, &child)
        }
      }
    }
    guard started == 0 else { return false }
    defer { close(child.descriptor) }
    var entry = pollfd(fd: child.descriptor, events: Int16(POLLIN), revents: 0)
    if Glibc.poll(&entry, 1, seconds * 1_000) <= 0 { _ = csystem_child_signal(child.descriptor, SIGKILL) }
    var (code, signalled) = (Int32(0), Int32(0))
    while csystem_child_reap(child.descriptor, &code, &signalled) == 0 {
      Glibc.poll(&entry, 1, 1_000)
    }
    return code == 0 && signalled == 0
  }

  /// Takes a folder for this program alone; the descriptor holds it.
  static func lock(_ folder: String) throws(SandboxError) -> Int32 {
    let path = "\(folder)/lock"
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw failure(path, "open") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      close(descriptor)
      throw .folderInUse(folder)
    }
    return descriptor
  }

  /// Removes a file, a link, or a folder with all in it. At most 300 levels deep, more than
  /// any image is unpacked to: what is removed here was made here.
  static func remove(_ path: String, depth: Int = 0) {
    guard depth < 300 else { return }
    if isFolder(path) {
      for name in names(path) { remove("\(path)/\(name)", depth: depth + 1) }
      rmdir(path)
    } else {
      unlink(path)
    }
  }
}
