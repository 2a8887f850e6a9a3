import Canonical
import OpenExec
import Sandbox

/// The preflight's findings for machines.
enum PreflightJSON {
  static func text(_ report: PreflightReport, _ images: [HostImage], _ readiness: Readiness) -> String {
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
      ),
      (
        "webassembly",
        .array(
          report.modules.map {
            .object([
              ("way", .string($0.way)), ("active", .bool($0.isActive)), ("finding", .string($0.finding)),
              ("remedy", .string($0.remedy)),
            ])
          })
      ),
      (
        "images",
        .array(
          images.map { image in
            let able = image.classes.filter(report.active.contains)
            return .object([
              ("digest", .string(image.digest)), ("kind", .string(image.kind)),
              ("classes", .array(able.map { .string($0.rawValue) })),
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
