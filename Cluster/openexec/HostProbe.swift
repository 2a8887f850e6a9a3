import CSystem
import Glibc
import Host
import OpenExec
import Records
import Sandbox

/// What this host can be relied on for, beyond its machines.
enum HostProbe {
  /// All findings, with those of the sandbox's preflight.
  static func findings(
    _ report: PreflightReport, _ configuration: ExecutorConfiguration, healthFault: String?
  ) -> HostFindings {
    HostFindings(
      offeredClasses: configuration.isolationClasses,
      activeClasses: report.active.filter(configuration.isolationClasses.contains),
      missingControllers: report.missingControllers, imageFault: report.imageFault,
      provenanceFault: report.provenanceFault,
      journalFault: journalFault(in: configuration.data), resolverFault: resolverFault(),
      vaultFault: vaultFault(configuration.vault), healthFault: healthFault)
  }

  /// Why no name can be resolved for a run; nil where it can.
  private static func resolverFault() -> String? {
    let path = EgressSettings().resolver
    return access(path, X_OK) == 0 ? nil : "\(path) is not installed: no name can be resolved for a run"
  }

  /// Why runs get no secrets; nil where they can have some.
  private static func vaultFault(_ settings: VaultSettings?) -> String? {
    do {
      guard try VaultSettings.source(settings) == nil else { return nil }
      return "none is configured (openexec vault init), and the service manager gave no credentials"
    } catch {
      return "\(error)"
    }
  }

  /// Why what is written in `folder` may be lost; nil where it is synced, read back, and on a disk.
  static func journalFault(in folder: String) -> String? {
    let path = "\(folder)/probe.new"
    do {
      try Files.createFolder(folder, mode: 0o700)
      let word = "\(getpid())"
      try Files.write(word, to: path)
      guard try Files.read(path) == Array(word.utf8) else { return "\(path) is not read back as written" }
      try Files.remove(path)
    } catch {
      return "\(error)"
    }
    switch csystem_is_volatile(folder) {
    case 0: return nil
    case 1: return "\(folder) is in memory: a restart of the host loses it"
    default: return "\(folder): cannot tell its file system, errno \(errno)"
    }
  }
}
