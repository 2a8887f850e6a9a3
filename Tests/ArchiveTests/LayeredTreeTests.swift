import Testing

@testable import Archive

struct LayeredTreeTests {
  private func entry(_ path: String, _ kind: TarEntry.Kind = .file(size: 1), mode: UInt16 = 0o644) throws
    -> TarEntry
  {
    TarEntry(
      path: try ArchivePath(Array(path.utf8)), kind: kind, mode: mode, user: 0, group: 0, modified: 0,
      attributes: [])
  }

  private func tree(_ layers: [[TarEntry]]) throws -> LayeredTree {
    var tree = LayeredTree()
    for layer in layers {
      tree.beginLayer()
      for entry in layer { try tree.take(entry) }
    }
    return tree
  }

  private func files(_ tree: LayeredTree) -> [String: String] {
    var all: [String: String] = [:]
    for item in tree.items {
      switch item.content {
      case .folder: all[item.path.description] = "folder"
      case .file(let source): all[item.path.description] = "\(source.layer).\(source.entry)"
      case .symbolicLink(let target): all[item.path.description] = "-> \(target)"
      }
    }
    return all
  }

  private func link(_ target: String) throws -> TarEntry.Kind {
    .hardLink(target: try ArchivePath(Array(target.utf8)))
  }

  @Test("a later layer replaces, adds, and takes away by whiteouts, what earlier ones brought")
  func layers() throws {
    let tree = try tree([
      [
        entry("etc", .folder, mode: 0o700), entry("etc/a"), entry("etc/b"), entry("etc/c"), entry("old/x/y"),
        entry("keep"),
      ],
      [entry("etc/b"), entry("etc/.wh.a"), entry(".wh.old"), entry("etc/.wh.nothing")],
      [entry("old", .folder), entry("old/new")],
    ])
    #expect(
      files(tree) == [
        "etc": "folder", "etc/b": "1.0", "etc/c": "0.3", "keep": "0.5", "old": "folder", "old/new": "2.1",
      ])
    #expect(tree.items.first { $0.path.description == "etc" }?.mode == 0o700)
  }

  @Test("an opaque whiteout takes what lower layers have, wherever in its layer it stands")
  func opaque() throws {
    for order in [[0, 1, 2], [1, 2, 0], [2, 0, 1]] {
      let all = try [entry("d/.wh..wh..opq"), entry("d/new"), entry("d/sub/own")]
      let tree = try tree([[entry("d/old"), entry("d/sub/old"), entry("d/gone/old")], order.map { all[$0] }])
      #expect(files(tree).keys.sorted() == ["d", "d/new", "d/sub", "d/sub/own"])
    }
  }

  @Test("a whiteout does not take what its own layer brings")
  func whiteoutOfOwn() throws {
    for order in [[0, 1], [1, 0]] {
      let all = try [entry(".wh.a"), entry("a")]
      #expect(files(try tree([[entry("a")], order.map { all[$0] }]))["a"] == "1.\(order[0] == 1 ? 0 : 1)")
    }
  }

  @Test("a folder takes the place of a file, and a file that of a folder with all in it")
  func kinds() throws {
    let tree = try tree([[entry("a"), entry("b/c")], [entry("a", .folder), entry("a/x"), entry("b")]])
    #expect(files(tree) == ["a": "folder", "a/x": "1.1", "b": "1.2"])
  }

  @Test("symbolic links on the way are followed below the root, relative and absolute")
  func throughLinks() throws {
    let tree = try tree([
      [
        entry("usr/bin", .folder), entry("bin", .symbolicLink(target: "usr/bin")),
        entry("opt/b", .symbolicLink(target: "/bin")),
        entry("opt/up", .symbolicLink(target: "../usr/./bin/")),
      ],
      [entry("bin/sh"), entry("opt/b/dash"), entry("opt/up/ash")],
    ])
    let all = files(tree)
    #expect(all["usr/bin/sh"] == "1.0" && all["usr/bin/dash"] == "1.1" && all["usr/bin/ash"] == "1.2")
    #expect(all["bin"] == "-> usr/bin")
  }

  @Test("links that lead out of the root, in circles, or through files are refused")
  func escapes() throws {
    func refused(_ entries: [TarEntry]) -> String? {
      do {
        _ = try tree([entries])
        return nil
      } catch { return "\(error)" }
    }
    #expect(
      try refused([entry("out", .symbolicLink(target: "../../host")), entry("out/x")])
        == "'out/x': a symbolic link on the way leads out of the root")
    #expect(
      try refused([
        entry("a", .symbolicLink(target: "b")), entry("b", .symbolicLink(target: "a")), entry("a/x"),
      ])
        == "'a/x': more than 40 symbolic links on the way")
    #expect(try refused([entry("f"), entry("f/x")]) == "'f/x': 'f' on the way is a file")
    #expect(
      try refused([entry("h", link("etc/shadow"))]) == "'h': a hard link to 'etc/shadow', which is not there")
    #expect(
      try refused([
        entry("d", .folder), entry("l", .symbolicLink(target: "d")), entry("d/f"), entry("h", link("l/f")),
      ])
        == "'h': a hard link to 'l/f', which is not there")
    #expect(
      try refused([entry("d", .folder), entry("h", link("d"))])
        == "'h': a hard link to 'd', which is a folder")
    #expect(try refused([entry("null", .device)]) == "'null': a device; an image brings none")
    #expect(try refused([entry(".wh..")]) == "path '.wh..': takes away what has no name of its own")
    #expect(
      try refused([entry("", .symbolicLink(target: "/"))]) == "'.': the root is a folder, and nothing else")
    // A link that stays where it is put is no escape: it is read below the root.
    #expect(try refused([entry("out", .symbolicLink(target: "../../host"))]) == nil)
  }

  @Test("two names of one file have one source, over layers too")
  func hardLinks() throws {
    let tree = try tree([[entry("a"), entry("b", link("a"))], [entry("c", link("b")), entry("a")]])
    #expect(files(tree) == ["a": "1.1", "b": "0.0", "c": "0.0"])
  }

  @Test("items come in one order, a folder before what it holds; a tree of too many names is refused")
  func order() throws {
    let names = ["b", "a/z", "a.x", "a/b/c", "\u{e9}", "B"]
    let one = try tree([names.map { try entry($0) }])
    let other = try tree([names.reversed().map { try entry($0) }])
    #expect(one.items.map(\.path.description) == ["B", "a", "a/b", "a/b/c", "a/z", "a.x", "b", "\u{e9}"])
    #expect(one.items.map(\.path) == other.items.map(\.path))
    var small = LayeredTree(limit: 3)
    small.beginLayer()
    for name in ["a", "b", "c"] { try small.take(try entry(name)) }
    #expect(throws: ArchiveError.limit("names in an image", 3)) { try small.take(try entry("d")) }
  }
}
