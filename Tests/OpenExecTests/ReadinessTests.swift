import OpenExec
import Testing

/// HF-9: what is off is declared, with its reason; nothing counts as on that no probe has shown.
struct ReadinessTests {
  private let good = HostFindings(
    offeredClasses: [.microvmKVM, .microvmTCG], activeClasses: [.microvmTCG], missingControllers: [],
    imageFault: nil, journalFault: nil, resolverFault: nil, vaultFault: nil)

  private func off(_ change: (inout HostFindings) -> Void = { _ in }) -> [String] {
    var host = good
    change(&host)
    return Readiness(host).items.filter { !$0.isOn }.map(\.name)
  }

  /// What no host can have, since this version does not.
  private let absent = ["image_provenance", "health_endpoints"]

  @Test("on a good host only what this version lacks is off, and that alone makes it NON-COMPLIANT")
  func goodHost() {
    #expect(off() == absent)
    let readiness = Readiness(good)
    #expect(!readiness.isCompliant && readiness.declaration == "NON-COMPLIANT")
    #expect(readiness.shortcomings.count == absent.count)
    #expect(readiness.table.hasPrefix("NON-COMPLIANT\nisolation "))
  }

  @Test("each finding turns its own item off, with its reason")
  func findings() {
    #expect(off { $0.activeClasses = [] } == ["isolation", "jail"] + absent)
    #expect(off { $0.missingControllers = ["pids"] } == ["control_groups"] + absent)
    #expect(off { $0.imageFault = "guest.cpio: another digest" } == ["images"] + absent)
    #expect(off { $0.journalFault = "it is in memory" } == ["journal"] + absent)
    #expect(off { $0.resolverFault = "not installed" } == ["egress_proxy"] + absent)
    #expect(off { $0.vaultFault = "none is configured" } == ["credential_vault"] + absent)
    var host = good
    host.missingControllers = ["memory", "cpu"]
    #expect(Readiness(host).shortcomings.first == "control_groups: cannot be used: memory, cpu")
  }

  @Test("before the preflight is through nothing is compliant")
  func unknown() {
    #expect(!Readiness.unknown.isCompliant)
    #expect(Readiness.unknown.shortcomings == ["preflight: the preflight is not through"])
  }

  @Test("a reason fits into what nodes take, in one line and whole characters")
  func bounded() {
    var host = good
    host.imageFault = String(repeating: "é", count: 500) + "\nmore"
    let line = Readiness(host).shortcomings[0]
    #expect(line.utf8.count <= Readiness.maximumBytes && line.hasPrefix("images: é") && !line.contains("\n"))
  }
}
