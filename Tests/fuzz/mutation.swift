// Changes a text by its words, so that much of what is tried is read as Rego and gets to the planner and the evaluator; every
// fourth change is libFuzzer's own, by bytes.

@_silgen_name("LLVMFuzzerMutate")
private func mutateBytes(_ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maximum: Int) -> Int

/// Words that may stand in each other's place: most such changes can still be read.
private enum Kind: Int, CaseIterable { case name, literal, keyword, mark }

private let vocabulary: [[[UInt8]]] = [
  """
  input data input.user input.n input.text input.tags input.deep input.deep.x.y[0] data.users data.list data.users.ann
  x y k v p q r a _ count sum product max min sort abs ceil floor round numbers.range numbers.range_step array.concat
  array.slice array.reverse object.get object.union object.union_n object.remove object.filter object.keys
  object.subset json.marshal json.unmarshal json.filter json.remove json.patch json.is_valid yaml.marshal
  yaml.unmarshal concat split sprintf replace strings.replace_n strings.reverse strings.any_prefix_match indexof
  indexof_n substring trim trim_left trim_prefix trim_space upper lower startswith endswith contains format_int
  regex.match regex.split regex.replace regex.find_n regex.find_all_string_submatch_n regex.template_match
  regex.globs_match glob.match glob.quote_meta base64.encode base64.decode base64url.decode hex.encode hex.decode
  urlquery.encode urlquery.decode_object crypto.sha256 crypto.md5 crypto.hmac.sha512 to_number type_name is_number
  is_string is_set units.parse units.parse_bytes bits.and bits.lsh bits.rsh bits.xor net.cidr_contains
  net.cidr_intersects net.cidr_merge net.cidr_expand net.cidr_contains_matches semver.compare semver.is_valid
  time.now_ns time.parse_rfc3339_ns time.parse_ns time.parse_duration_ns time.date time.clock time.weekday
  time.add_date time.diff time.format uuid.parse graph.reachable graph.reachable_paths walk union intersection
  cast_set to_array any all print opa.runtime http.send
  """,
  """
  0 1 -1 2.5 1e3 1e400 9223372036854775807 9223372036854775808 true false null set() {} [] {"a":1} {1,2} [1,2]
  "" "a" "b" "a,b;c" `a+` "(a|b)*c" "[^a-z]{2,4}" "\\u00e9" "\\ud83d" "2024-02-29T12:00:00Z" "%d" "%v" "%s" "%05.2f" "%x"
  "UTC" "Europe/Berlin" "2006-01-02" "10.0.0.0/8" "::1/128" "1.2.3" "1h30m" "10Ki" "{a: 1}" "- a" "eyJhIjoxfQ==" "ff"
  0.1 1.50 3e0 1e-7 0.30000000000000000001 19.09378657975432319487574e20 18446744073709551617.5 1e330 1e-330 1e30103
  1e-30103 1e1000000000 1e-1000000000 1e99999999999999999999 "1e400" "-1e1000000000" "[1e400]" "0.5e3"
  "%+d" "%#x" "%-8s|" "%[2]*[1]d" "%.3g" "%e" "%q" "%c" "%U" "%t" "%08b" "%.0f" "%%" "%!" "%*d" "%1000000d" "%.400f"
  "é" "ß" "ǅ" "Σς" "İı" "日本" "\\u0130" "\\u1e9e" "🙂" "a\\u0301" "ﬁ" "\\u2028" "\\u00a0"
  """,
  "package import default if else not some every in contains with as",
  ":= = == != < <= > >= + - * / % & | , ; : . ( ) [ ] { } $ #",
].map { list in list.split(whereSeparator: { $0 == " " || $0 == "\n" }).map { Array($0.utf8) } }

private func kind(_ piece: [UInt8]) -> Kind {
  switch piece.first ?? 0 {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"):
    vocabulary[Kind.keyword.rawValue].contains(piece)
      ? .keyword : [[0x74, 0x72, 0x75, 0x65], [0x6E, 0x75, 0x6C, 0x6C]].contains(piece) ? .literal : .name
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "\""): .literal
  default: .mark
  }
}

/// A sequence that a seed determines (xorshift64*).
private struct Chance {
  private var state: UInt64
  init(_ seed: UInt32) { state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 | 1 }
  mutating func below(_ count: Int) -> Int {
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    return Int((state &* 0x2545_F491_4F6C_DD1D) >> 33) % max(1, count)
  }
}

/// Where the words of a text begin and end: names with their dots, numbers, texts in quotes, spaces, single marks.
private func pieces(_ text: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
  func kind(_ byte: UInt8) -> Int {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "."), 0x80...:
      1
    case UInt8(ascii: " "), UInt8(ascii: "\t"): 2
    default: 0
    }
  }
  var out: [Range<Int>] = []
  var start = 0
  while start < text.count {
    var end = start + 1
    let first = kind(text[start])
    if text[start] == UInt8(ascii: "\"") {
      while end < text.count, text[end] != UInt8(ascii: "\""), text[end] != UInt8(ascii: "\n") { end += 1 }
      end = min(end + 1, text.count)
    } else if first > 0 {
      while end < text.count, kind(text[end]) == first { end += 1 }
    }
    out.append(start..<end)
    start = end
  }
  return out
}

private func change(_ pieces: inout [[UInt8]], _ chance: inout Chance) {
  guard !pieces.isEmpty else { return }
  var place = chance.below(pieces.count)
  for _ in 0..<8 where [.mark, .keyword].contains(kind(pieces[place])) { place = chance.below(pieces.count) }
  let own = vocabulary[kind(pieces[place]).rawValue]
  switch chance.below(12) {
  case 0...4: pieces[place] = own[chance.below(own.count)]
  case 5, 6:
    // Another word of this module, of the same kind.
    let other = chance.below(pieces.count)
    if kind(pieces[other]) == kind(pieces[place]) { pieces.swapAt(place, other) }
  case 7:
    // A line again, elsewhere.
    let lines = pieces.split(separator: [UInt8(ascii: "\n")], omittingEmptySubsequences: false)
    let line = Array(lines[chance.below(lines.count)])
    var all = lines.map { Array($0) }
    all.insert(line, at: chance.below(all.count + 1))
    pieces = Array(all.joined(separator: [[UInt8(ascii: "\n")]]))
  case 8:
    var lines = pieces.split(separator: [UInt8(ascii: "\n")], omittingEmptySubsequences: false)
    if lines.count > 2 { lines.remove(at: 1 + chance.below(lines.count - 1)) }
    pieces = Array(lines.joined(separator: [[UInt8(ascii: "\n")]]))
  case 9:
    // A word becomes part of something larger.
    let forms: [(String, String)] = [
      ("(", ")"), ("[", "]"), ("{", "}"), ("{\"k\": ", "}"), ("count(", ")"), ("[z | z := ", "]"),
      ("{z | z := ", "}"), ("-", ""), ("", " + 1"), ("", ".a"), ("", "[_]"), ("", " == 1"), ("not ", ""),
      ("", " with input as 1"), ("", " * 1.5"), ("", " / 3"), ("", " - 0.1e2"), ("round(", ")"),
      ("sprintf(\"%v %d %08.3f\", [", "])"), ("upper(", ")"), ("json.unmarshal(json.marshal(", "))"),
      ("format_int(", ", 16)"), ("to_number(", ")"), ("x := ", ""), ("some x in ", ""), ("y = ", ""),
      ("every e in ", " { e != 0.5 }"), ("", "; x == 1"), ("some i, x in ", ""),
    ]
    let (before, after) = forms[chance.below(forms.count)]
    pieces[place] = Array(before.utf8) + pieces[place] + Array(after.utf8)
  case 10:
    let words = vocabulary[chance.below(vocabulary.count)]
    let word = [UInt8(ascii: " ")] + words[chance.below(words.count)] + [UInt8(ascii: " ")]
    pieces.insert(word, at: chance.below(pieces.count))
  default: pieces.remove(at: chance.below(pieces.count))
  }
}

@_cdecl("LLVMFuzzerCustomMutator")
public func mutate(
  _ data: UnsafeMutablePointer<UInt8>, _ size: Int, _ maximum: Int, _ seed: UInt32
) -> Int {
  var chance = Chance(seed)
  guard size > 0, chance.below(4) > 0 else { return mutateBytes(data, size, maximum) }
  let text = UnsafeBufferPointer(start: UnsafePointer(data), count: size)
  let all = pieces(text)
  var out: [[UInt8]] = all.map { Array(text[$0]) }
  for _ in 0...(chance.below(4) / 3) { change(&out, &chance) }
  let bytes = Array(out.joined().prefix(maximum))
  guard !bytes.isEmpty else { return mutateBytes(data, size, maximum) }
  for (position, byte) in bytes.enumerated() { data[position] = byte }
  return bytes.count
}
