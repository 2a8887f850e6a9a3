import OpenExec
import Testing

/// HF-9: what is off is declared, with its reason; nothing counts as on that no probe has shown.
struct ReadinessTests {
  private let good = HostFindings(
    offeredClasses: [.microvmKVM, .microvmTCG], activeClasses: [.microvmTCG], missingControllers: [],
    imageFault: nil, provenanceFault: nil, journalFault: nil, resolverFault: nil, vaultFault: nil,
    healthFault: nil)

  private func off(_ change: (inout HostFindings) -> Void = { _ in }) -> [String] {
    var host = good
    change(&host)
    return Readiness(host).items.filter { !$0.isOn }.map(\.name)
  }

  @Test("on a good host nothing is off, and the executor is COMPLIANT")
  func goodHost() {
    let readiness = Readiness(good)
    #expect(readiness.isCompliant && readiness.declaration == "COMPLIANT" && readiness.shortcomings == [])
    #expect(readiness.table.hasPrefix("COMPLIANT\nisolation ") && !readiness.table.contains("OFF"))
  }

  @Test("each finding turns its own item off, with its reason")
  func findings() {
    #expect(off { $0.activeClasses = [] } == ["isolation", "jail"])
    #expect(off { $0.missingControllers = ["pids"] } == ["control_groups"])
    #expect(off { $0.imageFault = "guest.cpio: another digest" } == ["images"])
    #expect(off { $0.provenanceFault = "actions.cpio: none" } == ["image_provenance"])
    #expect(off { $0.journalFault = "it is in memory" } == ["journal"])
    #expect(off { $0.resolverFault = "not installed" } == ["egress_proxy"])
    #expect(off { $0.vaultFault = "none is configured" } == ["credential_vault"])
    #expect(off { $0.healthFault = "the port is taken" } == ["health_endpoints"])
    var host = good
    host.missingControllers = ["memory", "cpu"]
    #expect(Readiness(host).declaration == "NON-COMPLIANT")
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
