/// The types of records (the ledger's vocabulary).
public enum RecordType: String, Sendable, CaseIterable {
  case genesis, term, tick, version, members, key, policy, enrol, artifact, proposal, ballot, withdrawal,
    decision, receipt, incident, recovery
}
