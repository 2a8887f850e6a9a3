import Wire

// The messages of `containerd.task.v2.Task`; `containerd.task.v3.Task` differs in the package's name alone.

/// The task service's version, as a shim tells it at its start.
enum TaskService: String {
  case v2 = "containerd.task.v2.Task"
  case v3 = "containerd.task.v3.Task"

  init?(version: Int) {
    switch version {
    case 2: self = .v2
    case 3: self = .v3
    default: return nil
    }
  }
}

/// `containerd.types.Mount`.
struct RootMount: WireMessage {
  var type = ""
  var source = ""
  var target = ""
  var options: [String] = []

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: type = try reader.string()
    case 2: source = try reader.string()
    case 3: target = try reader.string()
    case 4: options.append(try reader.string())
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.string(1, type)
    writer.string(2, source)
    writer.string(3, target)
    writer.strings(4, options)
  }
}

/// `CreateTaskRequest`, without checkpoints, which nothing here makes.
struct CreateTask: WireMessage {
  var id = ""
  var bundle = ""
  var rootfs: [RootMount] = []
  var terminal = false
  /// Paths of FIFOs. Never a URL, and never anybody's choice but the executor's.
  var stdin = ""
  var stdout = ""
  var stderr = ""
  var options: AnyMessage?

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: id = try reader.string()
    case 2: bundle = try reader.string()
    case 3: rootfs.append(try reader.message())
    case 4: terminal = try reader.bool()
    case 5: stdin = try reader.string()
    case 6: stdout = try reader.string()
    case 7: stderr = try reader.string()
    case 10: try reader.message(into: &options)
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.string(1, id)
    writer.string(2, bundle)
    writer.messages(3, rootfs)
    writer.bool(4, terminal)
    writer.string(5, stdin)
    writer.string(6, stdout)
    writer.string(7, stderr)
    writer.message(10, options)
  }
}

/// `StartRequest`, `WaitRequest`, `DeleteRequest`, `StateRequest`, `ConnectRequest`: the id alone, since nothing here
/// executes a second process in a task.
struct TaskID: WireMessage {
  var id = ""

  init() {}
  init(_ id: String) { self.id = id }

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 1 { id = try reader.string() }
  }

  func write(into writer: inout ProtobufWriter) { writer.string(1, id) }
}

/// `CreateTaskResponse`, `StartResponse`.
struct TaskProcess: WireMessage {
  var pid: UInt32 = 0

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 1 { pid = try reader.uint32() }
  }

  func write(into writer: inout ProtobufWriter) { writer.uint32(1, pid) }
}

/// `KillRequest`.
struct KillTask: WireMessage {
  var id = ""
  var signal: UInt32 = 0
  var all = false

  init() {}
  init(_ id: String, signal: Int32) {
    self.id = id
    self.signal = UInt32(bitPattern: signal)
    all = true
  }

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: id = try reader.string()
    case 3: signal = try reader.uint32()
    case 4: all = try reader.bool()
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.string(1, id)
    writer.uint32(3, signal)
    writer.bool(4, all)
  }
}

/// `CloseIORequest`.
struct CloseTaskInput: WireMessage {
  var id = ""
  var stdin = false

  init() {}
  init(_ id: String) {
    self.id = id
    stdin = true
  }

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: id = try reader.string()
    case 3: stdin = try reader.bool()
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.string(1, id)
    writer.bool(3, stdin)
  }
}

/// `WaitResponse`. An exit status of 0 is not written, so that a reply without its time is a reply cut off.
struct TaskExit: WireMessage {
  var exitStatus: UInt32 = 0
  /// When, as the shim has it: year 1 with some.
  var exitedAt: WireTimestamp?

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: exitStatus = try reader.uint32()
    case 2: try reader.message(into: &exitedAt)
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, exitStatus)
    writer.message(2, exitedAt)
  }
}

/// `DeleteResponse`, which the `delete` action prints as well.
struct TaskDeleted: WireMessage {
  var pid: UInt32 = 0
  var exitStatus: UInt32 = 0
  var exitedAt: WireTimestamp?

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: pid = try reader.uint32()
    case 2: exitStatus = try reader.uint32()
    case 3: try reader.message(into: &exitedAt)
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, pid)
    writer.uint32(2, exitStatus)
    writer.message(3, exitedAt)
  }
}

/// `ShutdownRequest`.
struct ShutdownShim: WireMessage {
  var id = ""
  var now = false

  init() {}
  init(_ id: String) { self.id = id }

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: id = try reader.string()
    case 2: now = try reader.bool()
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.string(1, id)
    writer.bool(2, now)
  }
}

/// `ConnectResponse`.
struct ShimConnected: WireMessage {
  var shimPID: UInt32 = 0
  var taskPID: UInt32 = 0
  var version = ""

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: shimPID = try reader.uint32()
    case 2: taskPID = try reader.uint32()
    case 3: version = try reader.string()
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, shimPID)
    writer.uint32(2, taskPID)
    writer.string(3, version)
  }
}

/// `StateResponse`, what of it is looked at.
struct TaskState: WireMessage {
  enum Status: UInt32 {
    case unknown = 0
    case created = 1
    case running = 2
    case stopped = 3
    case paused = 4
    case pausing = 5
  }

  var id = ""
  var pid: UInt32 = 0
  var status: UInt32 = 0
  var exitStatus: UInt32 = 0
  var exitedAt: WireTimestamp?

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: id = try reader.string()
    case 3: pid = try reader.uint32()
    case 4: status = try reader.uint32()
    case 9: exitStatus = try reader.uint32()
    case 10: try reader.message(into: &exitedAt)
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.string(1, id)
    writer.uint32(3, pid)
    writer.uint32(4, status)
    writer.uint32(9, exitStatus)
    writer.message(10, exitedAt)
  }
}
