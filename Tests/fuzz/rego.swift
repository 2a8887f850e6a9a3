import Glibc
import Rego

// libFuzzer's target: a text is read as a module, planned, evaluated within a small budget, and its value written. It may be
// refused anywhere; it must not trap, hang or use more memory than its budget says. At its end it says how many texts
// came how far: `fuzz: <read> read, <evaluated> evaluated, <gave> gave a value`.
//
// With `--evaluated` among the options only texts that were evaluated go into the corpus, so that far more of what is made of
// them is, too; without it, half of the work is the parser's errors.

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

// One thread runs all of it.
nonisolated(unsafe) private var (read, evaluated, gave) = (0, 0, 0)
/// What the target answers of a text that is refused: 0 keeps it where it is new, -1 never does.
nonisolated(unsafe) private var refused: CInt = 0

@_cdecl("LLVMFuzzerInitialize")
public func initialize(_: UnsafeMutablePointer<CInt>?, _: UnsafeMutableRawPointer?) -> CInt {
  if CommandLine.arguments.contains("--evaluated") { refused = -1 }
  atexit { print("fuzz: \(read) read, \(evaluated) evaluated, \(gave) gave a value") }
  return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let text = String(decoding: UnsafeBufferPointer(start: start, count: count), as: UTF8.self)
  guard let module = try? Module.parse(text, file: "fuzz.rego") else { return refused }
  read += 1
  guard let policy = try? Policy([module]) else { return refused }
  // One evaluation each: the same text always in the same way, so that a crash comes again.
  let evaluation = Evaluation(
    policy, data: data, input: input,
    meter: Meter(steps: 3000, bytes: 1 << 17, now: 1_700_000_000_000_000_000),
    isStrict: count % 2 == 1)
  let value = try? evaluation.value(of: module.package)
  evaluated += 1
  guard let value else { return 0 }
  _ = value.jsonText
  gave += 1
  return 0
}
