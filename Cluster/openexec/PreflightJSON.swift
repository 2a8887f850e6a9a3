import Canonical
import OpenExec
import Sandbox

/// The preflight's findings for machines.
enum PreflightJSON {
  static func text(_ report: PreflightReport, _ readiness: Readiness) -> String {
    JSON.object([
      (
        "classes",
        .array(
          report.classes.map {
            .object([
              ("class", .string($0.isolationClass.rawValue)), ("active", .bool($0.isActive)),
              ("finding", .string($0.finding)), ("remedy", .string($0.remedy)),
            ])
          })
      ), ("controllers", .array(report.controllers.map { .string($0) })),
      ("warnings", .array(report.warnings.map { .string($0) })),
      ("declaration", .string(readiness.declaration)),
      (
        "readiness",
        .array(
          readiness.items.map {
            .object([("item", .string($0.name)), ("on", .bool($0.isOn)), ("finding", .string($0.finding))])
          })
      ),
    ]).canonical
  }
}
