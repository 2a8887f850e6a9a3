import Crypto
import GovernanceNode

extension SimulatedAgent {
  /// What a call is about.
  enum Purpose {
    case submit
    /// What became of a request that is valid no longer, and was not answered.
    case expired
    case read
    /// For a state no older than the question; by then so many entries were committed.
    case check(committed: UInt64)
    case put
    case withdraw
    /// Whatever it is told; only what is in it matters.
    case snoop
    /// Another's file, which is known already; asked once, whatever is said.
    case copy
    /// Nobody honest says yes to it.
    case hostile(String)

    var isAskedOnce: Bool {
      switch self {
      case .hostile, .check, .snoop, .copy: true
      case .submit, .expired, .read, .put, .withdraw: false
      }
    }

    /// Whether what is sent is a statement, which nobody takes any more when its time is over.
    var isStatement: Bool {
      switch self {
      case .submit, .put, .withdraw: true
      case .expired, .read, .check, .snoop, .copy, .hostile: false
      }
    }
  }

  struct Call {
    let request: UInt64
    let purpose: Purpose
    let number: UInt64
    let method: Method
    let payload: [UInt8]
    /// Until when its statement is valid, in virtual time.
    let until: UInt64
    var node: UInt64
    var sentAt: UInt64
    var attempts: UInt64 = 0
    /// The operation in the history of clients.
    var operation: Int?
    var lastAnswer = "no answer"
  }

  struct Request {
    let number: UInt64
    let payload: [UInt8]
    /// Until when it is valid, in virtual time.
    let until: UInt64
    /// The proposal's leaf, once it was told.
    var leaf: UInt64?
    /// What it was told last.
    var status: String?
    /// The file that holds the result, where one does.
    var artifact: Digest?
  }
}
