// `sprintf`, as Go formats.
extension Builtins {
  static let formats: [Builtin] = [
    Builtin("sprintf", 2) { (a, meter) throws(BuiltinError) in
      .string(try GoFormat.text(try a.string(0), try a.array(1), &meter))
    }
  ]
}
