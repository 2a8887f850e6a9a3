import Canonical
import GovernanceNode
import Records
import Testing

/// What `claw status --check` and `claw alerts` find in what nodes say.
struct FindingTests {
  private let now = Timestamp(text: "2026-03-01T12:00:00Z") ?? .epoch

  private func status(_ change: (inout JSONObject) -> Void = { _ in }) -> JSON {
    let value: JSON = [
      "conflict": .null, "final_size": "5000", "note_age_ms": "40", "halted": false, "in_force": [],
      "expiring": [], "readiness": [], "withheld": [], "host": [:], "time": .string(now.text),
      "members": ["holds_share": true],
    ]
    guard case .object(var object) = value else { return value }
    change(&object)
    return .object(object)
  }

  private func findings(
    _ first: JSON?, _ others: [JSON] = [], certificateEnds: Timestamp? = nil
  ) -> [String] {
    var reader = FindingReader(now: now)
    let all = [first] + others.map { $0 }
    let nodes = all.enumerated().map { position, status in
      NodeStatus(name: "n\(position + 1)", status: status, reason: "down", heardAt: now)
    }
    reader.read(nodes, certificateEnds: certificateEnds)
    return reader.findings.map { "\($0.severity) \($0.kind) \($0.subject)" }
  }

  @Test("nothing is found where nothing is wrong")
  func healthy() {
    #expect(findings(status(), [status()]).isEmpty)
    #expect(findings(status(), certificateEnds: now.advanced(by: .seconds(31 * 86_400))).isEmpty)
  }

  @Test("a cluster that nobody asks for anything makes no notes; one that should and does not is named")
  func idle() {
    func idle(_ name: String = "final_size", _ value: JSON = "5000") -> JSON {
      status { object in
        object["note_age_ms"] = "600000"
        object["executors"] = []
        object["leader"] = 1
        object["log_size"] = "5000"
        object[name] = value
      }
    }
    #expect(findings(idle(), [idle()]).isEmpty)
    #expect(findings(idle("executors", ["executor/e1"])) == ["2 not_final n1"])
    #expect(findings(idle("leader", .null)) == ["2 not_final n1"])
    #expect(findings(idle("log_size", "5001")) == ["2 not_final n1"])
    #expect(findings(idle(), [status { $0["final_size"] = "5001" }]) == ["2 not_final n1"])
    #expect(findings(idle("note_age_ms", "-1")) == ["2 not_final n1"])
  }

  @Test("each thing that is wrong, at its edge")
  func each() {
    let time = { (milliseconds: Int64) in
      JSON.string(now.advanced(by: Interval(nanoseconds: milliseconds * 1_000_000)).text)
    }
    let cases: [(String, JSON, String, JSON)] = [
      ("conflict", "two notes", "1 conflict n1", .null),
      ("note_age_ms", "30001", "2 not_final n1", "30000"), ("note_age_ms", "-1", "2 not_final n1", "0"),
      ("halted", true, "1 halted all", false), ("time", time(1_001), "2 clock n1", time(1_000)),
      ("time", time(-1_001), "2 clock n1", time(-1_000)),
      ("members", ["holds_share": false], "2 no_share n1", ["holds_share": true]),
      (
        "host", ["disk_full": time(30 * 86_400_000)], "2 disk n1", ["disk_full": time(30 * 86_400_000 + 1)]
      ),
      (
        "host", ["disk_free": "268435455", "disk_full": time(30 * 86_400_000)], "1 disk n1",
        ["disk_free": "268435456"]
      ),
      (
        "host", ["certificate_ends": time(30 * 86_400_000)], "3 certificate_expires n1",
        ["certificate_ends": time(30 * 86_400_000 + 1)]
      ), ("host", ["certificate_ends": time(0)], "2 certificate_expires n1", [:]),
      ("withheld", ["7"], "3 withheld leaf 7", []),
      (
        "refused_certificates", [["node": "n2", "before": "x", "replaced": false, "own": false]],
        "2 certificate_refused n2", [["node": "n2", "before": "x", "replaced": true, "own": false]]
      ),
      ("unreadable_restrictions", ["k"], "1 restriction_unreadable n1 k", []),
      (
        "host", ["oversized": [["kind": "signCall", "peer": "n2", "count": "3", "bytes": "5000000"]]],
        "2 message_too_large n1 signCall n2", ["oversized": []]
      ), ("host", ["certificate_refused": "x"], "2 certificate_not_taken n1", [:]),
      ("in_force_left_out", 1, "2 restrictions_left_out all", 0),
      (
        "in_force", [["incident_id": "i", "target": "all", "at": "x", "derived": .null]],
        "1 restriction i",
        []
      ),
      (
        "in_force", [["incident_id": "i", "target": "all", "at": "x", "derived": "breaker"]], "2 breaker i",
        []
      ),
      (
        "in_force", [["incident_id": "i", "target": "token/t", "at": "x", "derived": "crossing_revoked"]],
        "3 crossing_revoked i", []
      ),
      (
        "expiring", [["principal": "approver/a", "expires_at": time(1)]], "3 enrolment_expires approver/a", []
      ), ("readiness", [["executor": "executor/x", "compliant": false]], "3 non_compliant executor/x", []),
    ]
    for (name, wrong, expected, right) in cases {
      #expect(findings(status { $0[name] = wrong }) == [expected], "\(name)")
      #expect(findings(status { $0[name] = right }).isEmpty, "\(name) at its edge")
    }
  }

  @Test("a node that is silent or far behind the others is named; what the ledger says is told once")
  func others() {
    #expect(findings(nil, [status()]) == ["2 silent n1"])
    #expect(findings(status { $0["final_size"] = "3999" }, [status()]) == ["2 lagging n1"])
    #expect(findings(status { $0["final_size"] = "4000" }, [status()]).isEmpty)
    let halted = status { $0["halted"] = true }
    #expect(findings(halted, [halted, halted]) == ["1 halted all"])
    #expect(findings(nil) == ["2 silent n1"])
  }

  // MARK: Erasures

  /// What a node says that has carried out everything before `through`, of erasures at leaves 20 and 30.
  private func erased(through: UInt64, at: Int64 = -61, others: [String] = []) -> JSON {
    status { status in
      let time = JSON.string(now.advanced(by: .seconds(at)).text)
      status["erasures"] = [
        "through": .string(String(through)),
        "all": [
          ["tenant_id": "rival", "leaf": "30", "at": time], ["tenant_id": "acme", "leaf": "20", "at": time],
        ],
      ]
      status["members"] = ["holds_share": true, "parties": .array(others.map { ["name": .string($0)] })]
    }
  }

  @Test("a node that has not carried an erasure out after a minute is named, and one of which nobody knows")
  func erasures() {
    #expect(findings(erased(through: 5000), [erased(through: 5000)]).isEmpty)
    #expect(findings(erased(through: 5000), [erased(through: 31)]).isEmpty, "31 is beyond leaf 30")
    #expect(findings(erased(through: 5000), [erased(through: 30)]) == ["2 erasure_open n2"])
    #expect(findings(erased(through: 5000, at: -60), [erased(through: 30)]) == ["2 erasure_open n2"])
    #expect(findings(erased(through: 5000, at: -59), [erased(through: 30)]).isEmpty, "it has a minute")
    #expect(
      findings(nil, [erased(through: 5000)]) == ["2 silent n1", "3 erasure_unknown n1"],
      "it may have its keys yet")
    #expect(
      findings(erased(through: 5000, others: ["n1", "n9"])) == ["3 erasure_unknown n9"],
      "a member that this identity does not ask")
    // A node that knows of no erasure yet has carried out none.
    let behind = status {
      $0["final_size"] = "4900"
      $0["erasures"] = ["through": "19", "all": []]
    }
    #expect(findings(erased(through: 5000), [behind]) == ["2 erasure_open n2"])
  }

  @Test("how far each erasure is: who has carried it out, who has not, of whom nobody knows")
  func erasureProgress() throws {
    func answer(_ name: String, _ status: JSON?) -> NodeStatus {
      NodeStatus(name: name, status: status, heardAt: now)
    }
    let progress = ErasureProgress([
      answer("n1", erased(through: 5000)), answer("n2", nil), answer("n3", erased(through: 25)),
    ])
    let (last, first) = (try #require(progress.erasures.first), try #require(progress.erasures.last))
    #expect(last.tenant == "rival" && last.leaf == 30 && first.tenant == "acme" && first.leaf == 20)
    #expect(progress.nodes(.carriedOut, last) == ["n1"] && progress.nodes(.open, last) == ["n3"])
    #expect(progress.nodes(.carriedOut, first) == ["n1", "n3"] && progress.nodes(.open, first) == [])
    #expect(progress.nodes(.unknown, first) == ["n2"] && !progress.isComplete)
    #expect(ErasureProgress([answer("n1", erased(through: 31))]).isComplete)
    #expect(!ErasureProgress([answer("n1", erased(through: 30))]).isComplete)
    #expect(ErasureProgress([answer("n1", nil)]).isComplete, "nothing is known to be erased")
  }

  @Test("words of another kind than expected are no findings and no trap")
  func odd() {
    #expect(findings(["final_size": 7, "members": "x", "in_force": "y", "host": 3, "time": "z"]).isEmpty)
    for odd in ["x", ["all": "y"], ["all": [7, ["leaf": 3]], "through": 4]] as [JSON] {
      #expect(findings(status { $0["erasures"] = odd }).isEmpty)
    }
  }
}
