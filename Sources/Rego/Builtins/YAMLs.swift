extension Builtins {
  static let yaml: [Builtin] = [
    Builtin("yaml.unmarshal", 1) { (a, meter) throws(BuiltinError) in
      let text = try a.string(0)
      try meter.spend(bytes: 8 * text.utf8.count)
      do throws(YAMLError) {
        return try YAMLReader.value(of: text)
      } catch {
        throw .failed(error.description)
      }
    },
    Builtin("yaml.is_valid", 1) { (a, meter) throws(BuiltinError) in
      guard case .string(let text) = a.value(0) else { return .bool(false) }
      try meter.spend(bytes: 8 * text.utf8.count)
      do throws(YAMLError) {
        _ = try YAMLReader.value(of: text)
        return .bool(true)
      } catch {
        return .bool(false)
      }
    },
    Builtin("yaml.marshal", 1) { (a, meter) throws(BuiltinError) in
      let text = YAMLWriter.text(of: a.value(0))
      try meter.spend(bytes: text.utf8.count)
      return .string(text)
    },
  ]
}
