// What would make two machines decide differently: declared, so that a policy that names it is read and `with` can put
// something in its place, and refused when it is called.
extension Builtins {
  private static func refuses(_ name: String, _ arity: Int, _ why: String) -> Builtin {
    Builtin(name, arity) { (_, _) throws(BuiltinError) in throw .refused(why) }
  }

  static let refused: [Builtin] = [
    refuses("http.send", 1, "a decision asks no network"),
    refuses("net.lookup_ip_addr", 1, "a decision asks no network"),
    Builtin("opa.runtime", 0, standIn: .object(ObjectValue())) { (_, _) throws(BuiltinError) in
      throw .refused("a decision does not depend on its host")
    },
    refuses("providers.aws.sign_req", 3, "a decision signs nothing"),
    refuses("rand.intn", 2, "a decision draws nothing"),
    refuses("uuid.rfc4122", 1, "a decision draws nothing"),
  ]
}
