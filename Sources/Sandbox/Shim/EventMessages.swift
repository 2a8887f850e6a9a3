import Wire

/// `containerd.services.events.ttrpc.v1.ForwardRequest`.
struct ForwardedEvent: WireMessage {
  static let service = "containerd.services.events.ttrpc.v1.Events"
  static let method = "Forward"

  var envelope: EventEnvelope?

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 1 { try reader.message(into: &envelope) }
  }

  func write(into writer: inout ProtobufWriter) { writer.message(1, envelope) }
}

/// What happened, where, and when.
struct EventEnvelope: WireMessage {
  var timestamp: WireTimestamp?
  var namespace = ""
  /// Such as `/tasks/oom`.
  var topic = ""
  var event: AnyMessage?

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: try reader.message(into: &timestamp)
    case 2: namespace = try reader.string()
    case 3: topic = try reader.string()
    case 4: try reader.message(into: &event)
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.message(1, timestamp)
    writer.string(2, namespace)
    writer.string(3, topic)
    writer.message(4, event)
  }
}

/// `containerd.events.TaskOOM`: the kernel ended something in the task for want of memory.
struct TaskOutOfMemory: WireMessage {
  static let topic = "/tasks/oom"

  var containerID = ""

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 1 { containerID = try reader.string() }
  }

  func write(into writer: inout ProtobufWriter) { writer.string(1, containerID) }
}
