/// The mutants that the references list and that no run can show, each with the reason.
enum MutantTable {
  /// Those that stand in no line yet, and what each waits for.
  static let pending: [(name: String, why: String)] = []

  /// Those that change nothing that anybody could see, and why: an argument from the code, not from runs.
  static let equivalent: [(name: String, why: String)] = [
    (
      "raft-18-change-before-commit",
      "a joint configuration decides by a majority of the old members too, so that two changes of two leaders never both "
        + "decide; a joint one is left only for what a final record says, which every later leader has"
    )
  ]
}
