import EventLoop
import Network
import Records
import Wire

/// What one node answered when all were asked.
struct NodeAnswer<Message: WireMessage> {
  let node: NodeAddress
  /// Its answer, or what kept it from one.
  let result: Result<Message, CallStatus>
  /// This host's clock when it came.
  let heardAt: Timestamp

  var message: Message? { try? result.get() }
}

extension Session {
  /// Calls a method of every member that the identity knows, at the same time: none waits for another, and what one of them does
  /// costs no more than `timeout`.
  ///
  /// - Parameter patience: as in `BlockingRound.call`, of those that have answered so far.
  /// - Returns: the nodes in the order of the identity's file, also those that said nothing in time.
  func everyNode<Answer: WireMessage>(
    _ method: String, _ request: some WireMessage, of _: Answer.Type = Answer.self, timeout: Duration,
    patience: ([NodeAnswer<Answer>]) -> Duration? = { _ in nil }
  ) throws -> [NodeAnswer<Answer>] {
    let all = members
    if all.isEmpty { try dropFormer() }
    func read(_ node: NodeAddress, _ answer: BlockingRound.Answer) -> NodeAnswer<Answer> {
      let result = answer.result.flatMap { payload in
        Result { () throws(CallStatus) in
          do {
            return try Answer(decoding: payload)
          } catch {
            throw CallStatus(.dataLoss, "an answer that is none: \(error)")
          }
        }
      }
      return NodeAnswer(
        node: node, result: result, heardAt: Timestamp(nanoseconds: answer.at.nanoseconds) ?? .epoch)
    }
    do throws(CallStatus) {
      let refused = refused
      let round = try BlockingRound(
        tls: try tls(),
        servers: all.map { BlockingRound.Server(place: $0.address, expecting: .exactly(.node($0.name))) },
        connecting: min(Self.connectTimeout, timeout), oldestCertificate: { refused.oldest(of: $0) })
      let answers = try round.call("/openexec.v1.\(method)", request.encode(), timeout: timeout) { answers in
        patience(zip(all, answers).compactMap { node, answer in answer.map { read(node, $0) } })
      }
      let heard = zip(all, answers).map { node, answer in
        answer.map { read(node, $0) }
          ?? NodeAnswer(
            node: node, result: .failure(CallStatus(.deadlineExceeded, "no answer in time")),
            heardAt: Environment.now)
      }
      takeOver(round, all, heard.map { $0.message != nil })
      return heard
    } catch {
      throw Failure(error, node: "this host")
    }
  }
}
