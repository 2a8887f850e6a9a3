import Canonical
import EventLoop
import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// `openexec conformance`, against the runtime of containers that is here; and against it with a wall taken away.
@Suite(
  "Conformance suite", .serialized, .enabled(if: ShimBench.obstacle == nil, "\(ShimBench.obstacle ?? "")"))
struct ShimConformanceTests {
  /// What came of the cases of these names; all where none is given.
  private func results(
    _ names: [String] = [], weakened: ((inout JSONObject) -> Void)? = nil
  ) throws -> [ConformanceResult] {
    let folder = "/run/oec-\(UUID().uuidString.prefix(8))"
    defer { for path in [folder, folder + "-roots"] { try? FileManager.default.removeItem(atPath: path) } }
    let loop = try EventLoop()
    let suite = try ShimConformance(
      loop: loop,
      settings: ShimSettings(
        images: try ShimBench.images.get().folder, folder: folder, roots: folder + "-roots"),
      isolationClass: .container, busybox: "/bin/busybox", only: names)
    if let weakened {
      suite.host.specification = { spec in
        var object = spec.json.object ?? JSONObject()
        weakened(&object)
        return .object(object)
      }
    }
    var results: [ConformanceResult]?
    suite.run { results = $0 }
    while results == nil { try loop.turn() }
    loop.end()
    return results ?? []
  }

  @Test("runc passes every case")
  func runc() throws {
    let results = try results()
    #expect(results.count == 27)
    for result in results { #expect(result.verdict == .passed, "\(result.name): \(result.reason)") }
  }

  /// A wall of the specification, and the case that must miss it.
  private static let walls: [(name: String, remove: @Sendable (inout JSONObject) -> Void)] = [
    ("no_network", { edit(&$0, "linux", "namespaces") { without($0, "network") } }),
    ("own_processes", { edit(&$0, "linux", "namespaces") { without($0, "pid") } }),
    ("system_call_filter", { edit(&$0, "linux", "seccomp") { _ in nil } }),
    (
      "memory_bound",
      { edit(&$0, "linux", "resources") { _ in ["devices": [["allow": false, "access": "rwm"]]] } }
    ),
    (
      "disk_bound",
      { object in
        let mounts = (object["mounts"]?.array ?? []).map { mount -> JSON in
          guard mount["destination"]?.string == "/tmp", var tmp = mount.object else { return mount }
          tmp["options"] = ["nosuid", "nodev", "noexec", "mode=1777", "size=64m"]
          return .object(tmp)
        }
        object["mounts"] = .array(mounts)
      }
    ),
    (
      "no_execution_in_tmp",
      { object in
        let mounts = (object["mounts"]?.array ?? []).map { mount -> JSON in
          guard mount["destination"]?.string == "/tmp", var tmp = mount.object else { return mount }
          tmp["options"] = ["nosuid", "nodev", "mode=1777", "size=8m"]
          return .object(tmp)
        }
        object["mounts"] = .array(mounts)
      }
    ),
  ]

  private static func edit(
    _ object: inout JSONObject, _ section: String, _ name: String, _ change: (JSON?) -> JSON?
  ) {
    var inner = object[section]?.object ?? JSONObject()
    inner[name] = change(inner[name])
    object[section] = .object(inner)
  }

  private static func without(_ namespaces: JSON?, _ type: String) -> JSON {
    .array((namespaces?.array ?? []).filter { $0["type"]?.string != type })
  }

  @Test("a task that lacks one of its walls fails the case that looks for it", arguments: 0..<walls.count)
  func positiveControl(number: Int) throws {
    let wall = Self.walls[number]
    let found = try results([wall.name], weakened: wall.remove)
    #expect(found.count == 1)
    #expect(found.first?.word == "FAIL", "\(wall.name): \(String(describing: found.first))")
  }
}
