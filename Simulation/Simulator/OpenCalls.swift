import OpenExec

/// What an executor has asked of nodes and has no answer to, and its streams of jobs, by the numbers of the calls.
/// Invariant: a call is one of them, once.
struct OpenCalls {
  enum Question {
    case enlist
    case report(token: String, node: UInt64)
    case fetch(InputFetch, node: UInt64)
    /// A result on its way, with what is reported once it is there.
    case put(ReceiptDraft, node: UInt64)
  }

  private var questions: [UInt64: Question] = [:]
  /// Streams of jobs by node.
  private var streams: [UInt64: UInt64] = [:]

  mutating func ask(_ question: Question, by call: UInt64) { questions[call] = question }

  mutating func listen(to node: UInt64, by call: UInt64) { streams[node] = call }

  func isListening(to node: UInt64) -> Bool { streams[node] != nil }

  /// A call is over, answered or not. Returns what it was to answer; nil where that is nothing, as with streams.
  @discardableResult
  mutating func end(_ call: UInt64) -> Question? {
    if let node = streams.first(where: { $0.value == call })?.key { streams[node] = nil }
    return questions.removeValue(forKey: call)
  }

  /// The connection to a node broke. Returns the call of the stream that it carried.
  mutating func lost(_ node: UInt64) -> UInt64? { streams.removeValue(forKey: node) }

  /// Nobody is left who asked. Returns the streams, ascending by node.
  mutating func endAll() -> [(node: UInt64, call: UInt64)] {
    defer { self = OpenCalls() }
    return streams.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
