import Canonical
import EventLoop
import Host
import Network
import OpenExec
import Sandbox

/// What this host offers and lacks: found out, told to the log and to the executor, and asked for by operators' probes.
/// Confined to the station's loop.
final class ReadinessDesk {
  private unowned let station: ExecutorStation
  private(set) var declared = Readiness.unknown
  /// What this host offers has been found out, once at least.
  private(set) var isProbed = false
  private var port: HealthPort?
  /// Why operators' probes are not answered; nil where they are.
  private var portFault: String? = HealthPort.unconfigured

  init(station: ExecutorStation) { self.station = station }

  /// Operators' probes are answered from the start. Without the port the executor works, and is not COMPLIANT.
  func open() {
    guard let address = station.configuration.health else { return }
    do {
      let port = try HealthPort(loop: station.loop, address: address) { [unowned self] in
        answer($0, body: $1)
      }
      self.port = port
      portFault = nil
      station.note(.info, "health_port", [("address", .string("\(port.address)"))])
    } catch {
      portFault = "\(address): \(error)"
      station.note(
        .warning, "health_port", [("address", .string("\(address)")), ("reason", .string("\(error)"))])
    }
  }

  func close() { port?.close() }

  private func answer(_ request: ProbeRequest, body: [UInt8]) -> ProbeAnswer {
    let configuration = station.configuration
    var state =
      station.executor?.health(at: station.uptime)
      ?? ExecutorHealth(executor: configuration.executor, incarnation: configuration.incarnation)
    if station.isStopping { state.isShuttingDown = true }
    let desk = ProbeDesk(health: state, readiness: declared, version: Program.version)
    return desk.answer(request, body: body) { text in
      guard let executor = station.executor else { return .failure(ExecutorHealth.noKey) }
      return Result { () throws(ProbeRefusal) in try executor.verifiedReceipt(text).verifiedJSON }
    }
  }

  /// Finds out what this host offers. Where that is nothing the probe may have come to grief by itself, and an executor
  /// that offers nothing serves nobody: it is tried again, the pauses doubling up to five minutes. Before the second try it
  /// takes no jobs: what would be refused waits that long with the nodes.
  func probe(_ hosts: SandboxHosts, pause: Duration, isFirst: Bool = true) {
    hosts.preflight { [unowned self] report in
      for warning in report.warnings {
        station.note(.warning, "preflight", [("warning", .string(warning))])
      }
      let findings = HostProbe.findings(report, station.configuration, healthFault: portFault)
      declare(Readiness(findings))
      let offered = findings.activeClasses
      station.note(
        .info, "isolation_classes", [("active", .array(offered.map { .string($0.rawValue) }))])
      station.step(.classesFound(offered))
      if !offered.isEmpty || !isFirst {
        isProbed = true
        for link in station.links { station.listen(to: link) }
      }
      guard offered.isEmpty, !station.isStopping else { return }
      do {
        _ = try station.loop.schedule(after: pause) { [unowned self] in
          if !station.isStopping { probe(hosts, pause: min(pause * 2, .seconds(300)), isFirst: false) }
        }
      } catch {
        station.fail("\(error)")
      }
    }
  }

  /// HF-9: what is off is said, in the log and to governance with every lease that is asked for.
  private func declare(_ found: Readiness) {
    declared = found
    station.note(
      found.isCompliant ? .info : .warning, "readiness",
      [
        ("declaration", .string(found.declaration)),
        ("shortcomings", .array(found.shortcomings.map { .string($0) })),
      ])
  }
}
