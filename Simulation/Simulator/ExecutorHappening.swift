import GovernanceNode
import OpenExec

/// What happens to an executor's host, besides answers.
enum ExecutorHappening {
  case tick
  /// The preflight is through.
  case classesFound
  /// The oldest write is durable.
  case synced
  case guestSpoke(RunID)
  case machineGone(RunID, RunOutcome)
}

/// What an executor's host wants of the world.
enum ExecutorDemand {
  case call(OutgoingCall)
  case happening(ExecutorHappening, after: UInt64)
  /// It died between two effects.
  case died(ExecutorCrash)
}
