import ClawLedger
import EventLoop
import GovernanceNode
import Host
import RocksStore

/// The storage thread: writes batches and locks in order, several to one sync where they have queued up,
/// and says what is durable. A disk error ends the process: it is never retried.
final class Storage: Sendable {
  /// What is to be made durable.
  enum Work: Sendable {
    case write(name: WriteName, batch: WriteBatch)
    case lock(ticket: UInt64, bytes: [UInt8])
  }

  /// What is durable, or why nothing more will be.
  enum Report: Sendable {
    case written([WriteName])
    case locked(ticket: UInt64)
    case failed(String)
  }

  /// A queue that fills while a sync is under way; bounded by what the node allows to be unpersisted.
  private static let capacity = 65_536

  private let thread: LoopThread
  private let inbox: Mailbox<Work>

  init(store: RocksStore, lock: LockOwner, reports: Mailbox<Report>) throws {
    let box = Handover<Mailbox<Work>>()
    let slot = lock.file
    thread = try LoopThread(name: "storage") { loop in
      let desk = Desk(store: store, lock: slot, reports: reports, loop: loop)
      box.give(try loop.mailbox(capacity: Self.capacity) { desk.take($0) })
    }
    inbox = box.take()
  }

  /// Hands work over; false where the queue is full, which the node's own limits do not let happen.
  func submit(_ work: Work) -> Bool { inbox.send(work) }

  func stop() throws { try thread.stopAndJoin() }

  /// What the thread does; confined to it.
  private final class Desk {
    private let store: RocksStore
    private let lock: SlotFile
    private let reports: Mailbox<Report>
    private unowned let loop: EventLoop
    private var names: [WriteName] = []
    private var batches: [WriteBatch] = []
    private var locks: [(ticket: UInt64, bytes: [UInt8])] = []

    init(store: RocksStore, lock: SlotFile, reports: Mailbox<Report>, loop: EventLoop) {
      self.store = store
      self.lock = lock
      self.reports = reports
      self.loop = loop
    }

    func take(_ work: Work) {
      if names.isEmpty && locks.isEmpty { loop.atEndOfTurn { [self] in sync() } }
      switch work {
      case .write(let name, let batch):
        names.append(name)
        batches.append(batch)
      case .lock(let ticket, let bytes): locks.append((ticket, bytes))
      }
    }

    private func sync() {
      do {
        // A party waits for its lock with the share in hand: locks first. Only the last counts.
        if let last = locks.last {
          try lock.write(last.bytes)
          report(.locked(ticket: last.ticket))
        }
        if !names.isEmpty {
          try store.write(batches)
          report(.written(names))
        }
      } catch {
        report(.failed("\(error)"))
        loop.stop()
      }
      locks.removeAll()
      names.removeAll()
      batches.removeAll()
    }

    private func report(_ report: Report) {
      // The node's loop takes reports each turn; a full box means that it hangs, and then so do we.
      while !reports.send(report) && !loop.isStopping {}
    }
  }
}

/// The signing lock's file and what it said last.
struct LockOwner {
  let file: SlotFile
  let lock: SigningLock

  /// `isFounded`: the store holds a ledger. Its party may have signed, and a lock that is gone would let it sign
  /// something else for the same size.
  init(path: String, isFounded: Bool) throws {
    func parsed(_ bytes: [UInt8]) -> SigningLock? { SigningLock(parsing: Array(bytes.prefix(104))) }
    file = try SlotFile(path: path) { first, second in
      switch (parsed(first), parsed(second)) {
      case (nil, nil): nil
      case (_?, nil): 0
      case (nil, _?): 1
      case (let a?, let b?): (a.size, a.time) >= (b.size, b.time) ? 0 : 1
      }
    }
    let locks = [parsed(try file.read(slot: 0)), parsed(try file.read(slot: 1))].compactMap { $0 }
    if let newest = locks.max(by: { ($0.size, $0.time) < ($1.size, $1.time) }) {
      lock = newest
      return
    }
    guard !isFounded else {
      throw FileError(
        path: path,
        reason: "the signing lock is missing or damaged, so nobody can say what this party has signed. "
          + "Put it back from this host's disk; never from a backup. A party whose lock is lost must be replaced"
      )
    }
    lock = .none
    try file.write(lock.bytes)
  }
}
