import Records

/// One thing that the requirements ask of a runtime, and whether it is on here.
public struct ReadinessItem: Equatable, Sendable {
  /// Lower case, for logs and status.
  public let name: String
  public let isOn: Bool
  /// How it was found out, or what is missing.
  public let finding: String

  init(_ name: String, isOn: Bool, _ finding: String) {
    self.name = name
    self.isOn = isOn
    self.finding = finding
  }
}

/// What the probes found on a host.
public struct HostFindings: Equatable, Sendable {
  /// The classes that the configuration offers, and those of them whose machine was booted, in its jail.
  public var offeredClasses: [IsolationClass]
  public var activeClasses: [IsolationClass]
  /// Control group controllers whose bounds do not hold.
  public var missingControllers: [String]
  /// Why an image is not the one that its digest names; nil where all are.
  public var imageFault: String?
  /// Why it cannot be said of an image where it came from; nil where it can of all.
  public var provenanceFault: String?
  /// Why what the journal writes may be lost; nil where it is durable.
  public var journalFault: String?
  /// Why no name can be resolved for runs; nil where they can.
  public var resolverFault: String?
  /// Why runs get no secrets; nil where a vault is open or the service manager gave credentials.
  public var vaultFault: String?
  /// Why nobody on this host can ask how the executor stands; nil where its health port listens.
  public var healthFault: String?

  /// Findings.
  public init(
    offeredClasses: [IsolationClass], activeClasses: [IsolationClass], missingControllers: [String],
    imageFault: String?, provenanceFault: String?, journalFault: String?, resolverFault: String?,
    vaultFault: String?, healthFault: String?
  ) {
    self.offeredClasses = offeredClasses
    self.activeClasses = activeClasses
    self.missingControllers = missingControllers
    self.imageFault = imageFault
    self.provenanceFault = provenanceFault
    self.journalFault = journalFault
    self.resolverFault = resolverFault
    self.vaultFault = vaultFault
    self.healthFault = healthFault
  }
}

/// What an executor declares of itself (HF-9): COMPLIANT only where everything is on. It allows nothing: what cannot
/// be enforced for a job is refused by the gate, whatever stands here.
public struct Readiness: Equatable, Sendable {
  /// In a fixed order.
  public let items: [ReadinessItem]

  /// Longest line about what is off, in bytes, as nodes take it.
  public static let maximumBytes = 256

  public var isCompliant: Bool { items.allSatisfy(\.isOn) }

  public var declaration: String { isCompliant ? "COMPLIANT" : "NON-COMPLIANT" }

  /// What is off, each as `name: why`.
  public var shortcomings: [String] {
    items.filter { !$0.isOn }.map { item in
      var line = ""
      for character in "\(item.name): \(item.finding)" where !character.isNewline {
        guard line.utf8.count + character.utf8.count <= Readiness.maximumBytes else { break }
        line.append(character)
      }
      return line
    }
  }

  /// Not found out yet.
  public static let unknown = Readiness(
    items: [ReadinessItem("preflight", isOn: false, "the preflight is not through")])

  private init(items: [ReadinessItem]) { self.items = items }

  /// What follows from the findings.
  public init(_ host: HostFindings) {
    let active = host.activeClasses.map(\.rawValue).joined(separator: ", ")
    let offered = host.offeredClasses.map(\.rawValue).joined(separator: ", ")
    let isActive = !host.activeClasses.isEmpty
    items = [
      ReadinessItem(
        "isolation", isOn: isActive,
        isActive ? "\(active), by a machine that was booted" : "none is active of those offered: \(offered)"
      ),
      ReadinessItem(
        "jail", isOn: isActive,
        isActive ? "the machine was booted in it" : "no machine was booted in it"),
      ReadinessItem(
        "control_groups", isOn: host.missingControllers.isEmpty,
        host.missingControllers.isEmpty
          ? "bounds on memory, processes and processor time hold"
          : "cannot be used: \(host.missingControllers.joined(separator: ", "))"),
      ReadinessItem(
        "images", isOn: host.imageFault == nil, host.imageFault ?? "each is the one that its digest names"),
      ReadinessItem(
        "image_provenance", isOn: host.provenanceFault == nil,
        host.provenanceFault ?? "of each it is known where it came from, and receipts say it"),
      ReadinessItem(
        "journal", isOn: host.journalFault == nil,
        host.journalFault ?? "what is written is synced and read back"),
      ReadinessItem(
        "egress_proxy", isOn: host.resolverFault == nil,
        host.resolverFault ?? "none without a grant; with one through the proxy, judged and counted"),
      ReadinessItem(
        "credential_vault", isOn: host.vaultFault == nil,
        host.vaultFault ?? "open; secrets go to single runs"),
      ReadinessItem(
        "output_scan", isOn: true, "outputs and what goes out in the clear are redacted and looked through"),
      ReadinessItem(
        "cost_metering", isOn: true,
        "processor time and bytes sent where the registry prices them, and calls of models"),
      ReadinessItem(
        "health_endpoints", isOn: host.healthFault == nil,
        host.healthFault ?? "on loopback"),
    ]
  }

  /// The table for people.
  public var table: String {
    let rows = items.map { item in
      let padded = item.name + String(repeating: " ", count: max(1, 18 - item.name.count))
      return "\(padded)\(item.isOn ? "on " : "OFF")  \(item.finding)"
    }
    return ([declaration] + rows).joined(separator: "\n")
  }
}
