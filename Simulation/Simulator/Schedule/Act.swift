import Records

/// What a schedule does: a fault, or an operation of somebody. Lengths and delays are in virtual nanoseconds,
/// chances in millionths.
public enum Act: Hashable, Sendable {
  // The network between nodes.

  /// Nodes of different groups do not reach each other. Whoever is in no group is alone.
  case partition([[UInt64]], length: UInt64)
  /// Nothing goes from these to those, or either way.
  case cut(from: [UInt64], to: [UInt64], isBothWays: Bool, length: UInt64)
  /// What happens on the links from these to those, to messages of one kind or all; on all links where a list is empty.
  case link(from: [UInt64], to: [UInt64], LinkFault, of: MessageKind? = nil, length: UInt64)

  // Processes, disks and clocks of nodes.

  /// The process dies. Of the writes that were under way the first `kept` are there afterwards.
  case crash(UInt64, kept: UInt64, restartAfter: UInt64)
  /// The process is asked to end, and ends when its node says that it may.
  case stop(UInt64, restartAfter: UInt64)
  /// The process stands still, and its clocks go on.
  case pause(UInt64, length: UInt64)
  case disk(UInt64, DiskFault, length: UInt64)
  /// One bit of a stored entry turns over; it shows when the entry is read.
  case flip(UInt64, entry: UInt64, bit: UInt64)
  case clock(UInt64, ClockFault)
  /// Its election timer runs out.
  case stand(UInt64)

  /// The process ends, and another program takes its place: one that applies semantics up to a number.
  case program(UInt64, semantics: UInt64)

  /// All hosts sleep for so many hours at once, as soon as nothing runs: what was on its way goes on afterwards, and every
  /// clock shows what has passed.
  case sleep(hours: UInt64)

  /// A governance party lies in this way.
  case lie(UInt64, Lie, length: UInt64)

  // Executors.

  case executorCrash(UInt64, ExecutorCrash, restartAfter: UInt64)
  /// It does not reach these nodes.
  case executorCut(UInt64, from: [UInt64], length: UInt64)
  /// Its clock runs fast by so many millionths, or slow.
  case executorDrift(UInt64, millionths: Int64)
  case sandbox(UInt64, SandboxFault, length: UInt64)

  /// It lies in this way.
  case executorLie(UInt64, ExecutorLie, length: UInt64)

  // People.

  /// Operators restrict something, and lift it so long after they were told that it is in force.
  case restrict(IncidentKind, IncidentTarget, SigningManner = .usual, length: UInt64)
  /// Operators have what a tenant had so far erased.
  case erase(String)
  /// An operator asks the leader to hand over.
  case transfer(to: UInt64)
  /// Operators change who the parties are: add, remove, replace or only make a new key, as the number has it. Nothing
  /// while another change is on its way.
  case members(UInt64)
  /// Operators replace these parties by so many new ones. Nothing while another change is on its way.
  case replace([UInt64], by: UInt64)
  /// Operators take back the change of members that is on its way. Nothing where none is.
  case cancelMembers
  /// Operators want another key for the parties of now, also while a change is on its way.
  case rotateMembers
  /// An auditor makes a backup; parties that come later begin from it.
  case backup
  /// Operators put another bundle in force, of this number; what runs under the old one is killed where it is odd.
  case policy(UInt64)
  /// The next leader whom this node answers sends it its state instead of entries, as a leader does whose log begins
  /// with one.
  case snapshot(to: UInt64)
  /// Operators put newer semantics in force, and ask until they are told that it is done.
  case activate(UInt64)
  /// An agent does something, at a node.
  case agent(UInt64, AgentAct, at: UInt64)
  /// An approver votes on an agent's request when it sees it, instead of what it would have said.
  case vote(UInt64, agent: UInt64, request: UInt64, approves: Bool)
  /// The people of a party tell its node to give no share to what is decided about an agent's request.
  case veto(UInt64, agent: UInt64, request: UInt64)
}

/// What happens to messages on a link.
public enum LinkFault: Hashable, Sendable {
  case loss(UInt64)
  case duplication(UInt64)
  /// A bit turns over: the channel's check finds it and breaks the connection.
  case corruption(UInt64)
  /// On top of what every message takes: up to twice as much.
  case delay(UInt64)
  /// On top of what every message takes: so much.
  case late(UInt64)
  /// Nothing arrives before the end; then everything does.
  case clog
}

/// What happens to a node's disk.
public enum DiskFault: Hashable, Sendable {
  /// Every write takes so much longer.
  case slow(UInt64)
  /// No write finishes before the end.
  case hang
  /// Writes fail: the node stops, as the programs do, and starts again at the end.
  case full
  /// One fsync fails: the node stops, as the programs do, and starts again at the end.
  case failedSync
}

/// What happens to a node's clocks.
public enum ClockFault: Hashable, Sendable {
  /// The time of day is off by so much, from now on.
  case offset(Int64)
  /// The time of day jumps by so much.
  case step(Int64)
  /// Both clocks run fast by so many millionths, or slow, from the beginning.
  case drift(millionths: Int64)
}

/// How an executor's process dies.
public struct ExecutorCrash: Hashable, Sendable {
  /// What becomes of its journal.
  public enum Journal: Hashable, Sendable {
    case kept
    case lost
    /// A bit turns over, of those that there are.
    case flipped(UInt64)
  }

  /// Not at once, but between two effects of its next step that has several.
  public var isBetweenEffects: Bool
  /// Of the journal's writes that were under way the first so many are there afterwards.
  public var kept: UInt64
  public var journal: Journal

  /// A crash.
  public init(isBetweenEffects: Bool = false, kept: UInt64 = 0, journal: Journal = .kept) {
    self.isBetweenEffects = isBetweenEffects
    self.kept = kept
    self.journal = journal
  }
}

/// How runs of an executor's sandbox go, while it lasts; otherwise most run well.
public enum SandboxFault: String, Hashable, Sendable, CaseIterable {
  /// The action ends with an error.
  case fails
  /// The machine ends by itself.
  case breaks
  /// The machine gives no proof of what it is.
  case unproven
  /// The action does not end before its wall clock does.
  case endless
  /// The action leaves what it was given in its machine, and writes down what others have left there.
  case leaky
  /// The action keeps its secrets in its machine, and writes down whatever others have left there.
  case escapes
  /// The action sends to wherever it likes, and names lead to where nobody may go.
  case exfiltrates
  /// The action writes what has the shape of a credential, and does nothing else that it should not.
  case discloses
  /// The action writes its secrets down, in one form or another.
  case echoes
  /// The action writes down what nobody but an auditor is to be shown.
  case reveals
  /// Another image stands under the name of the one that was approved.
  case swapped
  /// The authorization server gives more than it was asked for.
  case widens

  /// Those that need nothing that an action reaches or knows.
  static let plain: [SandboxFault] = [.fails, .breaks, .unproven, .endless, .leaky]
  /// Those of actions that reach out.
  static let reaching: [SandboxFault] = [.escapes, .exfiltrates, .discloses, .echoes, .swapped, .widens]
}

/// What an agent does with one of its requests, each named by a number.
public enum AgentAct: Hashable, Sendable {
  /// Puts its one file; `digest` reads it.
  case put
  /// Puts another agent's file as its own.
  case copy(of: UInt64)
  /// Proposes an action; `digest:high` says that much is at stake.
  case propose(String, request: UInt64)
  /// Sends a request that it has sent before once more.
  case repeat_(request: UInt64)
  /// Asks what became of a request.
  case read(request: UInt64)
  /// Asks a node for a state no older than the question.
  case check
  /// Takes a request back.
  case withdraw(request: UInt64)
  /// Proposes other parameters under a request id that it has used.
  case mutate(request: UInt64)
  /// Proposes in another agent's name, with its own key.
  case forge(as: UInt64, request: UInt64)
  /// Proposes with a text that asks for tools.
  case inject(request: UInt64)
  /// Proposes for a tenant that is not its own.
  case trespass(request: UInt64)
  /// Proposes many times the same.
  case flood(UInt64, request: UInt64)
  /// Proposes to read another agent's file.
  case borrow(from: UInt64, request: UInt64)
  /// The same of another tenant's agent, and says so: an approver of each tenant must agree.
  case cross(to: UInt64, request: UInt64)
  /// Proposes to read the file that one of its own requests has resulted in, and its own file; nothing where it knows
  /// of none.
  case reuse(of: UInt64, request: UInt64)
  /// Puts a file into its workspace's memory by itself.
  case poison(request: UInt64)
  /// Asks for everything that another agent's request has left behind.
  case snoop(on: UInt64, request: UInt64)
  /// Asks for everything, with numbers that are as large as they can be.
  case overreach(request: UInt64)

  /// The request that it is about.
  public var request: UInt64 {
    switch self {
    case .put, .check, .copy: 0
    case .propose(_, let request), .repeat_(let request), .read(let request), .withdraw(let request),
      .mutate(let request), .forge(_, let request), .inject(let request), .trespass(let request),
      .flood(_, let request), .borrow(_, let request), .cross(_, let request), .reuse(_, let request),
      .snoop(_, let request),
      .poison(let request), .overreach(let request):
      request
    }
  }
}

extension Act {
  /// Whether an agent asks for another tenant's file by the protocol of both.
  var crossesTenants: Bool { if case .agent(_, .cross, _) = self { true } else { false } }
}
