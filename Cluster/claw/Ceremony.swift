import Canonical
import Crypto
import GovernanceNode
import Host
import Records

/// What every party of a cluster agrees on before its key exists: the content of `ceremony.json`.
struct Ceremony {
  /// One party's place.
  struct Seat {
    let id: Int
    let name: String
    let key: PublicKey
  }

  let clusterName: String
  let threshold: Int
  let createdAt: Timestamp
  /// The semantics that the ledger begins with.
  let semantics: Int
  /// Ascending by id.
  let seats: [Seat]
  let bundle: PolicyBundle
  /// Ascending by principal.
  let enrolments: [Enrolment]

  init(
    clusterName: String, threshold: Int, createdAt: Timestamp, seats: [Seat], bundle: PolicyBundle,
    enrolments: [Enrolment], semantics: Int
  ) throws {
    let seats = seats.sorted { $0.id < $1.id }
    guard threshold > seats.count / 2, threshold <= seats.count else {
      throw UsageError("threshold: expected a majority of \(seats.count), at most all; found \(threshold)")
    }
    for (left, right) in zip(seats, seats.dropFirst()) where left.id == right.id {
      throw UsageError("parties \(left.name) and \(right.name) have the same id \(left.id)")
    }
    let names = seats.map(\.name).sorted()
    for (left, right) in zip(names, names.dropFirst()) where left == right {
      throw UsageError("two parties are called \(left)")
    }
    let keys = seats.map(\.key.hex) + enrolments.map(\.key.hex)
    for (left, right) in zip(keys.sorted(), keys.sorted().dropFirst()) where left == right {
      throw UsageError("key \(left) stands for two: distinct people, distinct keys")
    }
    let enrolments = enrolments.sorted { $0.principal < $1.principal }
    for (left, right) in zip(enrolments, enrolments.dropFirst()) where left.principal == right.principal {
      throw UsageError("\(left.principal.path) is enrolled twice")
    }
    self.clusterName = clusterName
    self.threshold = threshold
    self.createdAt = createdAt
    self.semantics = semantics
    self.seats = seats
    self.bundle = bundle
    self.enrolments = enrolments
    do {
      try configuration.requireBeginning()
    } catch {
      throw Failure(.usage, "no ledger can begin like this: \(error)")
    }
  }

  /// As a node reads it.
  private var configuration: CeremonyConfiguration {
    CeremonyConfiguration(
      clusterName: clusterName,
      seats: seats.map { CeremonyConfiguration.Seat(id: $0.id, name: $0.name, key: $0.key) },
      threshold: threshold, bundle: bundle, enrolments: enrolments, createdAt: createdAt,
      semantics: semantics)
  }

  /// The file's content: byte for byte the same at every party.
  var json: JSON {
    .object([
      ("cluster_name", .string(clusterName)), ("threshold", .integer(threshold)),
      ("created_at", .string(createdAt.text)), ("semantics", .integer(semantics)),
      (
        "seats",
        .array(
          seats.map {
            .object([
              ("id", .integer($0.id)), ("name", .string($0.name)), ("key", .string($0.key.hex)),
            ])
          })
      ), ("bundle", bundle.json), ("enrolments", .array(enrolments.map(\.json))),
    ])
  }

  /// What operators compare before their nodes sign the genesis, and what the nodes log: SHA-256 of the
  /// file's canonical JSON.
  var fingerprint: Digest { json.contentHash }

  func write(to path: String) throws { try Files.write(json.indented, to: path) }

  /// How many parties may lie: 2t − n − 1; below 1 the cluster is crash-only.
  var faultsTolerated: Int { 2 * threshold - seats.count - 1 }

  /// What the cluster's size means, in a sentence.
  var promise: String {
    let n = seats.count
    let f = faultsTolerated
    let progress = "\(n - threshold) may be down"
    return f < 1
      ? "n = \(n), t = \(threshold), f = 0: crash-only, one lying party could fork the ledger; \(progress)"
      : "n = \(n), t = \(threshold), f = \(f): \(f) may lie without a fork; \(progress)"
  }
}
