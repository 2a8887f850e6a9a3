// What the language names and this evaluator does not have: declared, so that a policy that names it is read and `with`
// can put something in its place, and answered with an error that says so.
extension Builtins {
  private static func absent(_ name: String, _ arity: Int) -> Builtin {
    Builtin(name, arity) { (_, _) throws(BuiltinError) in
      throw .refused("this evaluator does not have it; 'with' can put something in its place")
    }
  }

  static let absent: [Builtin] = [
    absent("crypto.parse_private_keys", 1),
    absent("crypto.x509.parse_and_verify_certificates", 1),
    absent("crypto.x509.parse_and_verify_certificates_with_options", 2),
    absent("crypto.x509.parse_certificate_request", 1),
    absent("crypto.x509.parse_certificates", 1),
    absent("crypto.x509.parse_keypair", 2),
    absent("crypto.x509.parse_rsa_private_key", 1),
    absent("graphql.is_valid", 2),
    absent("graphql.parse", 2),
    absent("graphql.parse_and_verify", 2),
    absent("graphql.parse_query", 1),
    absent("graphql.parse_schema", 1),
    absent("graphql.schema_is_valid", 1),
    absent("io.jwt.decode", 1),
    absent("io.jwt.decode_verify", 2),
    absent("io.jwt.encode_sign", 3),
    absent("io.jwt.encode_sign_raw", 3),
    absent("io.jwt.verify_eddsa", 2),
    absent("io.jwt.verify_es256", 2),
    absent("io.jwt.verify_es384", 2),
    absent("io.jwt.verify_es512", 2),
    absent("io.jwt.verify_hs256", 2),
    absent("io.jwt.verify_hs384", 2),
    absent("io.jwt.verify_hs512", 2),
    absent("io.jwt.verify_ps256", 2),
    absent("io.jwt.verify_ps384", 2),
    absent("io.jwt.verify_ps512", 2),
    absent("io.jwt.verify_rs256", 2),
    absent("io.jwt.verify_rs384", 2),
    absent("io.jwt.verify_rs512", 2),
    absent("json.match_schema", 2),
    absent("json.verify_schema", 1),
    absent("rego.metadata.chain", 0),
    absent("rego.metadata.rule", 0),
    absent("rego.parse_module", 2),
    absent("strings.render_template", 2),
  ]
}
