/// Every fault, as it is counted when it fires.
public enum FaultNames {
  /// Those that no seed draws, for scenarios alone.
  public static let drawnByNone = ["withheld"]
  /// Those that a campaign is to see.
  public static let all =
    ([
      "agent borrows a file", "all asleep", "agent forges an identity", "agent mutates a request",
      "agent overreaches",
      "agent snoops", "backup",
      "bit flip", "change of members cancelled", "clock drift", "clock offset",
      "clock step", "clog", "corruption", "crash", "crash before fsync", "delay", "duplication",
      "executor clock drift", "executor crash", "executor crash between effects",
      "executor crash while running", "executor cut off", "executor needs a new incarnation",
      "executor write lost", "failed fsync", "full disk", "hung disk", "input not there", "journal corrupted",
      "journal lost",
      "leader stopped", "left deaf", "left down", "left hung", "left isolated", "left lying", "left mute",
      "loss",
      "machine outlived its kill", "membership change", "one-way partition", "outgrown program stopped",
      "partial partition",
      "partition", "pause", "policy change", "program rolled back",
      "program upgraded", "restored from a backup", "restriction", "result is a file", "result reused",
      "rotation beside a change",
      "sandbox breaks",
      "sandbox endless", "sandbox fails", "sandbox leaky",
      "sandbox reveals", "sandbox unproven", "semantics activated", "slow disk", "snapshot installed",
      "snapshot sent", "stop", "tenant erased", "transfer", "veto", "write lost",
    ] + Lie.faultNames + ExecutorLie.faultNames + RunTrace.faultNames
    + SandboxFault.reaching.map { "sandbox \($0.rawValue)" }).sorted()
}
