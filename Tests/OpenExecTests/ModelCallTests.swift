import Records
import Testing

@testable import OpenExec

/// RT-9: what a call of a model may take is known before it is made.
@Suite("Model calls")
struct ModelCallTests {
  func judge(_ body: String, secrets: [RunSecret] = []) -> Result<Int, EgressRefusal> {
    Result { () throws(EgressRefusal) in try ModelCall.tokens(Array(body.utf8), secrets: secrets) }
  }

  @Test("the longest answer, times the answers, and the prompt")
  func need() {
    #expect(judge(#"{"max_tokens":10}"#) == .success(9 + 10))
    #expect(judge(#"{"max_completion_tokens":10,"n":3}"#) == .success(18 + 30))
    #expect(judge(#"{"max_output_tokens":1}"#) == .success(12 + 1))
  }

  @Test("a call that does not say how long its answer may be is none")
  func refused() {
    for body in [
      "", "[]", "{}", #"{"max_tokens":0}"#, #"{"max_tokens":"9"}"#, #"{"max_tokens":1.5}"#,
      #"{"max_tokens":null}"#,
      #"{"max_tokens":9,"max_output_tokens":9}"#, #"{"max_tokens":9,"n":0}"#, #"{"max_tokens":9,"n":65}"#,
      #"{"max_tokens":9,"n":"1"}"#, #"{"max_tokens":10000001}"#, #"{"a":{"max_tokens":9}}"#,
      #"{"max_tokens":9,"max_tokens":1}"#,
    ] {
      guard case .failure(.modelCall) = judge(body) else {
        Issue.record("\(body): \(judge(body))")
        continue
      }
    }
  }

  @Test("no secret goes to a model, nor what looks like one")
  func secrets() {
    let secrets = [RunSecret(name: "key", value: Array("model-key-12345".utf8))]
    for text in ["model-key-12345", "bW9kZWwta2V5LTEyMzQ1", "AKIAIOSFODNN7EXAMPLE"] {
      #expect(
        judge(#"{"max_tokens":9,"prompt":"say \#(text)"}"#, secrets: secrets) == .failure(.secretInPrompt),
        "\(text)")
    }
    #expect(
      judge(#"{"max_tokens":9,"prompt":"say model-key"}"#, secrets: secrets) != .failure(.secretInPrompt))
  }

  @Test("what a model says that it took, plain or streamed, in whatever pieces", arguments: [1, 5, 1_000])
  func usage(pieces: Int) {
    let cases: [(String, Int?)] = [
      (#"{"usage":{"input_tokens":11,"output_tokens":7}}"#, 18),
      (#"{"usage":{"prompt_tokens": 5, "completion_tokens" : 6, "total_tokens":11}}"#, 11),
      (
        "data: {\"usage\":{\"input_tokens\":4,\"output_tokens\":1}}\n\ndata: {\"usage\":{\"output_tokens\":9}}\n",
        13
      ),
      (#"{"said":"\"input_tokens\":99","output_tokens":3}"#, 3), (#"{"text":"hello"}"#, nil),
      (#"{"input_tokens":"12"}"#, nil), (#"{"x_input_tokens":12}"#, nil), ("", nil),
    ]
    for (text, tokens) in cases {
      var usage = ModelUsage()
      let bytes = Array((text + "\n").utf8)
      for start in stride(from: 0, to: bytes.count, by: pieces) {
        usage.pass(Array(bytes[start..<min(bytes.count, start + pieces)]))
      }
      #expect(usage.tokens == tokens, "\(text)")
    }
  }

  @Test("what tokens cost, rounded up, never overflowing")
  func cost() throws {
    let limits = ModelLimits(tokens: 10, costPerMillion: try #require(MicroUSD(text: "2.5")))
    #expect([0, 1, 2, 1_000_000].map { limits.cost(of: $0).micros } == [0, 3, 5, 2_500_000])
    #expect(limits.cost(of: .max).micros == MicroUSD.maximum.micros)
  }
}
