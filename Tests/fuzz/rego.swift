import Rego

// libFuzzer's target: a text is read as a module, planned, written and read again, and evaluated within a small budget. It may be refused
// anywhere; it must not trap, hang or use more memory than its budget says.

private let data =
  Value.parse(
    json:
      #"{"users": {"ann": {"role": "admin", "age": 40}, "bob": {"role": "guest"}}, "list": [1, 2.5, "x", null, [true]]}"#
  )
  ?? .object(ObjectValue())
private let input =
  Value.parse(
    json:
      #"{"user": "ann", "n": 7, "text": "a,b;c 2024-02-29T12:00:00Z", "tags": ["a", "b"], "deep": {"x": {"y": [0]}}}"#
  )

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  guard let module = try? Module.parse(text, file: "fuzz.rego"), let policy = try? Policy([module]) else {
    return 0
  }
  for isStrict in [false, true] {
    let evaluation = Evaluation(
      policy, data: data, input: input,
      meter: Meter(steps: 3000, bytes: 1 << 17, now: 1_700_000_000_000_000_000),
      isStrict: isStrict)
    if let value = try? evaluation.value(of: module.package) { _ = value.jsonText }
  }
  return 0
}
