/// What builtins take and give, so that a constant of a wrong kind is found before anything is evaluated.
struct Kinds: OptionSet, Sendable {
  let rawValue: UInt8

  static let null = Kinds(rawValue: 1)
  static let boolean = Kinds(rawValue: 2)
  static let number = Kinds(rawValue: 4)
  static let string = Kinds(rawValue: 8)
  static let array = Kinds(rawValue: 16)
  static let object = Kinds(rawValue: 32)
  static let set = Kinds(rawValue: 64)
  static let any = Kinds(rawValue: 127)

  private static let letters: [(letter: Character, kind: Kinds, name: String)] = [
    ("u", .null, "null"), ("b", .boolean, "boolean"), ("n", .number, "number"), ("s", .string, "string"),
    ("a", .array, "array"), ("o", .object, "object"), ("e", .set, "set"),
  ]

  /// By letters, such as `sa` for a string or an array; `*` is any.
  init(letters: Substring) {
    self = letters == "*" ? .any : []
    for known in Kinds.letters where letters.contains(known.letter) { insert(known.kind) }
  }

  init(rawValue: UInt8) { self.rawValue = rawValue }

  init(_ value: Value) {
    switch value {
    case .null: self = .null
    case .bool: self = .boolean
    case .number: self = .number
    case .string: self = .string
    case .array: self = .array
    case .object: self = .object
    case .set: self = .set
    }
  }

  /// For messages.
  var names: String { Kinds.letters.filter { contains($0.kind) }.map(\.name).joined(separator: " or ") }
}

/// One builtin's arguments and result.
struct Signature: Sendable {
  let arguments: [Kinds]
  let result: Kinds

  static func named(_ name: String) -> Signature? { table[name] }

  private static let table: [String: Signature] = {
    var table: [String: Signature] = [:]
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      guard let result = words.last, let end = words.firstIndex(of: ":") else { continue }
      for name in words[..<end] {
        table[String(name)] = Signature(
          arguments: words[(end + 1)..<(words.count - 1)].map(Kinds.init(letters:)),
          result: Kinds(letters: result))
      }
    }
    return table
  }()

  /// Names, a colon, the kinds of each argument and, last, of the result.
  private static let text = """
    plus mul div rem : n n n
    minus : ne ne ne
    or and set_diff : e e e
    abs ceil floor round : n n
    count : aoes n
    sum product : ae n
    max min : ae *
    sort : ae a
    all any : ae b
    array.concat : a a a
    array.reverse array.flatten : a a
    array.slice : a n n a
    intersection union : e e
    object.get : o * * *
    object.keys : o e
    object.remove object.filter : o aeo o
    object.subset : oea oea b
    object.union : o o o
    object.union_n : a o
    json.filter json.remove : o ae o
    json.is_valid yaml.is_valid : s b
    json.marshal yaml.marshal : * s
    json.marshal_with_options : * o s
    json.unmarshal yaml.unmarshal : s *
    startswith endswith contains : s s b
    strings.any_prefix_match strings.any_suffix_match : sae sae b
    strings.count : s s n
    strings.replace_n : o s s
    strings.reverse lower upper trim_space : s s
    trim trim_left trim_right trim_prefix trim_suffix : s s s
    replace : s s s s
    split : s s a
    concat : s ae s
    indexof : s s n
    indexof_n : s s a
    substring : s n n s
    sprintf : s a s
    format_int : n n s
    to_number : unbs n
    regex.match regex.globs_match : s s b
    regex.is_valid semver.is_valid net.cidr_is_valid base64.is_valid : * b
    regex.find_n : s s n a
    regex.find_all_string_submatch_n : s s n a
    regex.replace : s s s s
    regex.split : s s a
    regex.template_match : s s s s b
    glob.match : s ua s b
    glob.quote_meta : s s
    semver.compare : s s n
    numbers.range : n n a
    numbers.range_step : n n n a
    bits.and bits.or bits.xor bits.lsh bits.rsh : n n n
    bits.negate : n n
    units.parse units.parse_bytes : s n
    base64.encode base64.decode base64url.encode base64url.encode_no_pad base64url.decode : s s
    hex.encode hex.decode urlquery.encode urlquery.decode : s s
    urlquery.decode_object : s o
    urlquery.encode_object : o s
    crypto.md5 crypto.sha1 crypto.sha256 : s s
    crypto.hmac.md5 crypto.hmac.sha1 crypto.hmac.sha256 crypto.hmac.sha512 : s s s
    crypto.hmac.equal : s s b
    net.cidr_expand : s e
    net.cidr_intersects net.cidr_contains : s s b
    net.cidr_merge : ae e
    time.parse_ns : s s n
    time.parse_rfc3339_ns time.parse_duration_ns : s n
    time.date time.clock : na a
    time.weekday : na s
    time.format : na s
    time.add_date : n n n n n
    time.diff : na na a
    graph.reachable : o ae e
    graph.reachable_paths : o ae e
    walk : * a
    type_name : * s
    is_null is_boolean is_number is_string is_array is_object is_set : * b
    equal neq lt lte gt gte internal.member_2 : * * b
    internal.member_3 : * * * b
    uuid.parse uri.parse : s o
    http.send : o o
    rand.intn : s n n
    uuid.rfc4122 : s s
    """
}

extension Resolved {
  /// The kinds that a term's value can be of.
  var kinds: Kinds {
    switch self {
    case .constant(let value): Kinds(value)
    case .array: .array
    case .object: .object
    case .set: .set
    case .comprehension(let kind, _, _, _, _):
      switch kind {
      case .array: .array
      case .set: .set
      case .object: .object
      }
    case .template: .string
    case .call(.builtin(let builtin), _, _): Signature.named(builtin.name)?.result ?? .any
    case .slot, .reference, .call(.function, _, _): .any
    }
  }

}

extension Builtin {
  /// Why a call with arguments of these kinds can have no value: one is never of a kind that is taken.
  func objection(to arguments: [Kinds]) -> String? {
    guard let signature = Signature.named(name) else { return nil }
    for (position, (found, wanted)) in zip(arguments, signature.arguments).enumerated()
    where found.isDisjoint(with: wanted) {
      return "\(name): expected argument \(position + 1) to be \(wanted.names), found \(found.names)"
    }
    return nil
  }
}
