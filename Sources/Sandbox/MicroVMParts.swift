import Crypto
import OpenExec
import Records
import Wire

/// What a machine is made of, what it is given to run, and what it tells of itself.
extension MicroVM {
  /// What is made for a machine before it starts.
  struct Parts {
    var name: String
    var machine: Machine
    var jail: Jail
    var group: ControlGroup
    var user: UInt32
    var userGroup: UInt32
    var evidence: MachineEvidence?
    /// Of the action's image.
    var provenance: Digest?
    /// Called once, when nothing of a machine that was started is left.
    var release: () -> Void = {}
  }

  /// The one run of a machine.
  struct Assignment {
    var run: GuestRun
    /// Contents of the run's inputs, in their order.
    var inputs: [[UInt8]] = []
    var outputLimit: Int
    var wallSeconds: Int64
    /// What the run may reach, and with what; nil where it is nothing. The settings' closed addresses are all that are
    /// closed to it.
    var egress: (grant: EgressGrant, settings: EgressSettings, resolver: Resolver)?
  }

  enum Progress {
    /// The guest is up; a probe needs no more. Of a machine that stands ready: it has said something.
    case greeted
    /// It has proven itself and runs the action.
    case started
    case finished(RunOutcome)
  }
}
