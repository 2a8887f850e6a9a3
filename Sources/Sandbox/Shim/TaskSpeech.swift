import OpenExec
import Records
import Wire

/// What comes from a task's first process and goes to it. A container's is the guest of this program, which converses;
/// a WebAssembly module is the first process itself, and its streams are all that is heard of it.
struct TaskSpeech {
  /// Of a module. It has no challenge to answer, so that nothing here says how it ended: the shim does.
  private struct Streams {
    var output: OutputFilter
    var errorOutput: OutputFilter
    /// For its standard input; nil once it was handed on.
    var parameters: [UInt8]?
  }

  private enum Kind {
    case guest(GuestConversation)
    case module(Streams)
  }

  private var kind: Kind

  /// A guest's.
  init(_ run: GuestRun, inputs: [[UInt8]], outputLimit: Int) {
    kind = .guest(GuestConversation(run, inputs: inputs, outputLimit: outputLimit))
  }

  /// A module's.
  init(module parameters: [UInt8], outputLimit: Int) {
    kind = .module(
      Streams(
        output: OutputFilter([], limit: outputLimit),
        errorOutput: OutputFilter([], limit: min(outputLimit, GuestConversation.errorLimit)),
        parameters: parameters))
  }

  var isModule: Bool { if case .module = kind { true } else { false } }

  /// What came on the standard output.
  mutating func receive(_ bytes: [UInt8]) throws(GuestViolation) -> [GuestConversation.Step] {
    switch kind {
    case .guest(var conversation):
      defer { kind = .guest(conversation) }
      return try conversation.receive(bytes)
    case .module(var streams):
      streams.output.append(bytes)
      kind = .module(streams)
      return []
    }
  }

  /// What came on the standard error, which a guest of ours does not use for its action's.
  mutating func receiveError(_ bytes: [UInt8]) {
    guard case .module(var streams) = kind else { return }
    streams.errorOutput.append(bytes)
    kind = .module(streams)
  }

  /// The next bytes for the standard input; nil where there are none now.
  mutating func nextPiece() -> [UInt8]? {
    switch kind {
    case .guest(var conversation):
      defer { kind = .guest(conversation) }
      return conversation.nextPiece()
    case .module(var streams):
      defer { kind = .module(streams) }
      return streams.parameters.take()
    }
  }

  /// No more comes.
  mutating func close() {
    switch kind {
    case .guest(var conversation):
      conversation.close()
      kind = .guest(conversation)
    case .module(var streams):
      streams.output.finish()
      streams.errorOutput.finish()
      kind = .module(streams)
    }
  }

  var output: OutputFilter {
    switch kind {
    case .guest(let conversation): conversation.output
    case .module(let streams): streams.output
    }
  }

  var errorOutput: OutputFilter {
    switch kind {
    case .guest(let conversation): conversation.errorOutput
    case .module(let streams): streams.errorOutput
    }
  }

  /// What a guest proved of itself.
  var evidence: GuestEvidence? {
    if case .guest(let conversation) = kind { conversation.evidence } else { nil }
  }

  /// What the outputs were, and looked like.
  var measures: RunMeasures { RunMeasures(of: output, errorOutput) }
}
