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
  /// Why what the journal writes may be lost; nil where it is durable.
  public var journalFault: String?
  /// Why no name can be resolved for runs; nil where they can.
  public var resolverFault: String?
  /// Why runs get no secrets; nil where a vault is open or the service manager gave credentials.
  public var vaultFault: String?

  /// Findings.
  public init(
    offeredClasses: [IsolationClass], activeClasses: [IsolationClass], missingControllers: [String],
    imageFault: String?, journalFault: String?, resolverFault: String?, vaultFault: String?
  ) {
    self.offeredClasses = offeredClasses
    self.activeClasses = activeClasses
    self.missingControllers = missingControllers
    self.imageFault = imageFault
    self.journalFault = journalFault
    self.resolverFault = resolverFault
    self.vaultFault = vaultFault
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

  /// What follows from the findings, and from what no executor of this version has.
  public init(_ host: HostFindings) {
    let active = host.activeClasses.map(\.rawValue).joined(separator: ", ")
    let offered = host.offeredClasses.map(\.rawValue).joined(separator: ", ")
    let isActive = !host.activeClasses.isEmpty
    items =
      [
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
      ] + Readiness.absent
  }

  /// What the requirements ask for and this version does not have.
  private static let absent = [
    ReadinessItem(
      "image_provenance", isOn: false,
      "OCI images have it; those of microVMs are held to their digests alone"),
    ReadinessItem("health_endpoints", isOn: false, "absent; the log and claw status say how it stands"),
  ]

  /// The table for people.
  public var table: String {
    let rows = items.map { item in
      let padded = item.name + String(repeating: " ", count: max(1, 18 - item.name.count))
      return "\(padded)\(item.isOn ? "on " : "OFF")  \(item.finding)"
    }
    return ([declaration] + rows).joined(separator: "\n")
  }
}
