import Wire

/// What a runtime is told beside the specification, in the message that it understands.
enum RuntimeOptions {
  /// nil for a runtime that is told nothing: some answer "not found" to options they do not know.
  static func message(of program: String, state: String, configuration: String?) -> AnyMessage? {
    let name = program.split(separator: "/").last.map(String.init) ?? program
    if name.contains("-runc-") {
      return AnyMessage("containerd.runc.v1.Options", RuncOptions(root: state))
    }
    guard let configuration else { return nil }
    return AnyMessage("runtimeoptions.v1.Options", ConfiguredOptions(path: configuration))
  }
}

/// `containerd.runc.v1.Options`, of which one is set.
struct RuncOptions: WireMessage {
  /// Where runc keeps its state.
  var root = ""

  init() {}
  init(root: String) { self.root = root }

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 7 { root = try reader.string() }
  }

  func write(into writer: inout ProtobufWriter) { writer.string(7, root) }
}

/// `runtimeoptions.v1.Options`, as Kata takes it.
struct ConfiguredOptions: WireMessage {
  var typeURL = ""
  var path = ""

  init() {}
  init(path: String) {
    typeURL = "runtimeoptions.v1.Options"
    self.path = path
  }

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: typeURL = try reader.string()
    case 2: path = try reader.string()
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.string(1, typeURL)
    writer.string(2, path)
  }
}
