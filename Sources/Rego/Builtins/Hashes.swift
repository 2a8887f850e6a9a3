import Crypto

// Hashes and message authentication, as hexadecimal text.
extension Builtins {
  private static func hash(_ name: String, _ function: DigestFunction) -> Builtin {
    Builtin(name, 1) { (a, meter) throws(BuiltinError) in
      let bytes = Array(try a.string(0).utf8)
      try meter.spend(steps: bytes.count / 64)
      return .string(Hex.encode(function.hash(bytes)))
    }
  }

  private static func authenticate(_ name: String, _ function: DigestFunction) -> Builtin {
    Builtin(name, 2) { (a, meter) throws(BuiltinError) in
      let bytes = Array(try a.string(0).utf8)
      try meter.spend(steps: bytes.count / 64)
      return .string(Hex.encode(function.authenticate(bytes, key: Array(try a.string(1).utf8))))
    }
  }

  static let hashes: [Builtin] = [
    hash("crypto.md5", .md5), hash("crypto.sha1", .sha1), hash("crypto.sha256", .sha256),
    authenticate("crypto.hmac.md5", .md5), authenticate("crypto.hmac.sha1", .sha1),
    authenticate("crypto.hmac.sha256", .sha256), authenticate("crypto.hmac.sha512", .sha512),
    Builtin("crypto.hmac.equal", 2) { (a, _) throws(BuiltinError) in
      .bool(constantTimeEqual(Array(try a.string(0).utf8), Array(try a.string(1).utf8)))
    },
  ]
}
