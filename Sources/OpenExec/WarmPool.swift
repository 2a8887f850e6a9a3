import Records

#if SIMULATION
import Mutants
#endif

/// Which machines stand ready before anybody asks for them, as a value: it decides, and a host makes and ends them.
///
/// A machine of the pool is booted without identity: it knows no run, no agent and no secret until it is handed its
/// one run, and it is ended after that run like any other. For each of the last `limit` orders one machine of the
/// same shape is kept ready, so that what is asked for often starts at once and what is asked for once gives way.
public struct WarmPool: Sendable {
  /// What machines must have in common for one to take the other's place.
  public struct Shape: Hashable, Sendable {
    public var isolationClass: IsolationClass
    public var memoryMiB: Int
    /// Digest of the action's image; nil for a machine without one.
    public var image: String?
    /// Whether its time is counted in instructions.
    public var isReproducible: Bool

    /// A shape.
    public init(
      isolationClass: IsolationClass, memoryMiB: Int, image: String?, isReproducible: Bool = false
    ) {
      self.isolationClass = isolationClass
      self.memoryMiB = memoryMiB
      self.image = image
      self.isReproducible = isReproducible
    }
  }

  /// Names a machine of the pool.
  public struct MachineID: Hashable, Comparable, Sendable {
    public let number: UInt64
    public static func < (left: MachineID, right: MachineID) -> Bool { left.number < right.number }
  }

  private struct Standing {
    let id: MachineID
    let shape: Shape
    /// When it was made, in nanoseconds of the monotonic clock.
    let since: UInt64
    var isUp = false

    func isOld(at now: UInt64) -> Bool { now >= since && now - since >= WarmPool.longestStand }
  }

  /// What a host is to do.
  public enum Step: Equatable, Sendable {
    case make(MachineID, Shape)
    case end(MachineID)
  }

  /// Most machines that stand ready or are being made.
  public let limit: Int
  /// A machine that has stood so long is replaced, so that none is older than its host's last change by much.
  public static let longestStand: UInt64 = 600_000_000_000
  /// Shapes of the last orders, the newest last; at most `limit`.
  private var recent: [Shape] = []
  private var standing: [Standing] = []
  private var next: UInt64 = 1
  /// One could not be made: none is tried again before the next order.
  private var isResting = false

  /// An empty pool.
  public init(limit: Int) { self.limit = max(0, limit) }

  /// Machines that stand ready or are being made.
  public var count: Int { standing.count }
  /// Machines that are up.
  public var ready: Int { standing.count(where: \.isUp) }

  /// An order has come: the machine that it is handed, one that is up rather than one that still boots; nil where none
  /// fits, and it gets one of its own.
  public mutating func take(_ shape: Shape, at now: UInt64) -> MachineID? {
    isResting = false
    recent.append(shape)
    if recent.count > limit { recent.removeFirst() }
    let fitting = standing.filter { $0.shape == shape && !$0.isOld(at: now) }
    guard let taken = fitting.first(where: \.isUp) ?? fitting.first else { return nil }
    #if SIMULATION
    if Mutant.machineReused.isActive { return taken.id }
    #endif
    standing.removeAll { $0.id == taken.id }
    return taken.id
  }

  /// A machine is up.
  public mutating func isUp(_ machine: MachineID) {
    if let position = standing.firstIndex(where: { $0.id == machine }) { standing[position].isUp = true }
  }

  /// A machine that stood ready is gone, or was never made.
  public mutating func failed(_ machine: MachineID) {
    guard let position = standing.firstIndex(where: { $0.id == machine }) else { return }
    standing.remove(at: position)
    isResting = true
  }

  /// What is to be done at `now`: at most one machine is made at a time, since a boot takes processor time from what
  /// runs. What is to be ended is no longer in the pool.
  public mutating func steps(at now: UInt64) -> [Step] {
    var steps: [Step] = []
    var missing = recent
    for machine in standing {
      let isWanted = missing.firstIndex(of: machine.shape)
      if let isWanted, !machine.isOld(at: now) {
        missing.remove(at: isWanted)
      } else {
        steps.append(.end(machine.id))
      }
    }
    standing.removeAll { steps.contains(.end($0.id)) }
    guard !isResting, standing.allSatisfy(\.isUp), let shape = missing.last else { return steps }
    let made = Standing(id: MachineID(number: next), shape: shape, since: now)
    next += 1
    standing.append(made)
    return steps + [.make(made.id, made.shape)]
  }
}
