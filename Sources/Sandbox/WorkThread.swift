import EventLoop
import Synchronization

/// Work that takes long (reading and hashing hundreds of megabytes) on a thread of its own, in the order in which it
/// was given; what comes of it is told on the loop, to which everything else here is confined.
final class WorkThread<Output: Sendable> {
  private struct Report: Sendable {
    let ticket: UInt64
    let result: Result<Output, SandboxError>
  }

  private let loop: EventLoop
  private let thread: LoopThread
  private let told: Told
  private var reports: Mailbox<Report>?

  private final class Told {
    var next: UInt64 = 0
    var waiting: [UInt64: (Result<Output, SandboxError>) -> Void] = [:]
  }

  private static var capacity: Int { 1_024 }

  init(_ name: String, on loop: EventLoop) throws(SandboxError) {
    self.loop = loop
    let told = Told()
    self.told = told
    do throws(EventLoopError) {
      thread = try LoopThread(name: name) { _ in }
      reports = try loop.mailbox(capacity: Self.capacity) { report in
        told.waiting.removeValue(forKey: report.ticket)?(report.result)
      }
    } catch {
      throw .spawn("a thread for images: \(error)")
    }
  }

  deinit {
    thread.remote.stop()
    if let reports { loop.close(reports) }
  }

  /// Has `work` done; `then` is called once, later, unless the loop ends before.
  func run(
    _ work: @escaping @Sendable () throws(SandboxError) -> Output,
    then: @escaping (Result<Output, SandboxError>) -> Void
  ) {
    guard let reports, told.waiting.count < Self.capacity else { return refuse(then) }
    let ticket = told.next
    told.next += 1
    told.waiting[ticket] = then
    let isPosted = thread.remote.post { _ in
      let result: Result<Output, SandboxError>
      do throws(SandboxError) {
        result = .success(try work())
      } catch {
        result = .failure(error)
      }
      // There is room: no more waits than fits.
      _ = reports.send(Report(ticket: ticket, result: result))
    }
    guard !isPosted else { return }
    told.waiting[ticket] = nil
    refuse(then)
  }

  private func refuse(_ then: @escaping (Result<Output, SandboxError>) -> Void) {
    loop.atEndOfTurn { then(.failure(.tooLarge("too much waits for the thread that reads images"))) }
  }
}
