/// The files of an image: its layers, one upon the other (OCI image specification, "Image Layer Filesystem Changeset").
///
/// Pure: it says what there is and which entry of which layer brings it, and touches no file system. All links are resolved
/// here, below the root of the image; so whoever writes the tree makes folders, files and links in new folders of its
/// own, and follows none.
public struct LayeredTree: Sendable {
  /// The entry that brings a file's content.
  public struct Source: Hashable, Sendable {
    /// From 0, the lowest first.
    public let layer: Int
    /// The entry's place in its layer, from 0.
    public let entry: Int
    public let size: Int
  }

  /// What stands at a path.
  public enum Content: Equatable, Sendable {
    case folder
    /// Two paths with one source are one file with two names.
    case file(Source)
    /// As it was written down: read it below the root alone.
    case symbolicLink(target: String)
  }

  /// A path's content and owner.
  public struct Item: Equatable, Sendable {
    public let path: ArchivePath
    public let content: Content
    /// 0 to 0o7777.
    public let mode: UInt16
    public let user: UInt32
    public let group: UInt32
    /// Seconds since 1970.
    public let modified: Int64
  }

  private struct Node: Sendable {
    var content: Content
    var mode: UInt16 = 0o755
    var user: UInt32 = 0
    var group: UInt32 = 0
    var modified: Int64 = 0
    /// The layer that brought it.
    var layer: Int
    /// Names in order of their bytes, and their nodes.
    var children: [(name: String, node: Int)] = []
  }

  /// Most symbolic links on the way to one path, as Linux has it.
  static let mostLinks = 40
  private static let whiteout = ".wh."
  private static let opaque = ".wh..wh..opq"

  private var nodes = [Node(content: .folder, layer: 0)]
  private var layer = -1
  private var entry = -1
  private let limit: Int

  /// An empty root. A tree of more than `limit` names is refused.
  public init(limit: Int = 1_000_000) { self.limit = limit }

  /// Begins the next layer.
  public mutating func beginLayer() {
    layer += 1
    entry = -1
  }

  /// Takes up the next entry of the layer, in the layer's own order.
  public mutating func take(_ added: TarEntry) throws(ArchiveError) {
    precondition(layer >= 0, "a layer must have begun")
    entry += 1
    let name = added.path.name
    if name == Self.opaque {
      hideLower(in: try folder(added.path.folder, for: added.path))
    } else if name.hasPrefix(".wh..wh.") {
      // What one union file system keeps for itself.
      return
    } else if name.hasPrefix(Self.whiteout) {
      try hide(String(name.dropFirst(Self.whiteout.count)), in: added.path.folder, for: added.path)
    } else {
      try put(added)
    }
  }

  /// Everything that there is but the root itself: a folder before what it holds, names in the order of their bytes.
  public var items: [Item] {
    var items: [Item] = []
    var waiting = [(path: ArchivePath.root, node: 0)]
    while let (path, node) = waiting.popLast() {
      if node != 0 { items.append(item(path, nodes[node])) }
      for child in nodes[node].children.reversed() {
        waiting.append((path.appending(child.name), child.node))
      }
    }
    return items
  }

  /// The root folder.
  public var root: Item { item(.root, nodes[0]) }

  private func item(_ path: ArchivePath, _ node: Node) -> Item {
    Item(
      path: path, content: node.content, mode: node.mode, user: node.user, group: node.group,
      modified: node.modified)
  }

  // MARK: Entries

  private mutating func put(_ added: TarEntry) throws(ArchiveError) {
    let content: Content
    switch added.kind {
    case .folder: content = .folder
    case .file(let size): content = .file(Source(layer: layer, entry: entry, size: size))
    case .symbolicLink(let target): content = .symbolicLink(target: target)
    case .hardLink(let target): content = try linked(target, for: added.path)
    case .device: throw .kind(path: added.path.description, "a device; an image brings none")
    case .fifo: throw .kind(path: added.path.description, "a named pipe; an image brings none")
    }
    var node = Node(content: content, layer: layer)
    node.mode = added.mode
    node.user = added.user
    node.group = added.group
    node.modified = added.modified
    guard !added.path.components.isEmpty else {
      guard case .folder = content else { throw .link(path: ".", "the root is a folder, and nothing else") }
      node.children = nodes[0].children
      nodes[0] = node
      return
    }
    let parent = try folder(added.path.folder, for: added.path)
    let (place, found) = locate(added.path.name, in: parent)
    guard found else { return try insert(node, added.path.name, at: place, in: parent) }
    let old = nodes[parent].children[place].node
    if case .folder = content, case .folder = nodes[old].content { node.children = nodes[old].children }
    nodes[old] = node
  }

  /// The file that a hard link names: there already, below the root, and reached through folders alone.
  private func linked(_ target: ArchivePath, for path: ArchivePath) throws(ArchiveError) -> Content {
    var node = 0
    for component in target.components {
      let (place, found) = locate(component, in: node)
      guard found else {
        throw .link(path: path.description, "a hard link to '\(target)', which is not there")
      }
      node = nodes[node].children[place].node
    }
    switch nodes[node].content {
    case .file, .symbolicLink: return nodes[node].content
    case .folder: throw .link(path: path.description, "a hard link to '\(target)', which is a folder")
    }
  }

  // MARK: Whiteouts

  /// What lower layers have in this folder is gone.
  private mutating func hideLower(in folder: Int) {
    var kept: [(name: String, node: Int)] = []
    for child in nodes[folder].children where keepsOwn(child.node) { kept.append(child) }
    nodes[folder].children = kept
  }

  /// Takes what lower layers have out of a subtree; false where nothing of it is this layer's.
  private mutating func keepsOwn(_ node: Int) -> Bool {
    hideLower(in: node)
    return nodes[node].layer == layer || !nodes[node].children.isEmpty
  }

  private mutating func hide(_ name: String, in path: ArchivePath, for whiteout: ArchivePath)
    throws(ArchiveError)
  {
    guard !name.isEmpty, name != ".", name != ".." else {
      throw .path(whiteout.description, "takes away what has no name of its own")
    }
    let parent = try folder(path, for: whiteout)
    let (place, found) = locate(name, in: parent)
    guard found, !keepsOwn(nodes[parent].children[place].node) else { return }
    nodes[parent].children.remove(at: place)
  }

  // MARK: Walking

  private func locate(_ name: String, in folder: Int) -> (place: Int, found: Bool) {
    let children = nodes[folder].children
    var low = 0
    var high = children.count
    while low < high {
      let middle = (low + high) / 2
      if children[middle].name.utf8.lexicographicallyPrecedes(name.utf8) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return (low, low < children.count && children[low].name.utf8.elementsEqual(name.utf8))
  }

  private mutating func insert(_ node: Node, _ name: String, at place: Int, in parent: Int)
    throws(ArchiveError)
  {
    guard nodes.count <= limit else { throw .limit("names in an image", limit) }
    nodes.append(node)
    nodes[parent].children.insert((name, nodes.count - 1), at: place)
  }

  /// The folder at `path`, through symbolic links below the root; made where it is not there, as other unpackers do.
  private mutating func folder(_ path: ArchivePath, for entry: ArchivePath) throws(ArchiveError) -> Int {
    var way = [0]
    var rest = Array(path.components.reversed())
    var links = 0
    while let component = rest.popLast() {
      let here = way[way.count - 1]
      if component == "." || component.isEmpty { continue }
      if component == ".." {
        guard way.count > 1 else {
          throw .link(path: entry.description, "a symbolic link on the way leads out of the root")
        }
        way.removeLast()
        continue
      }
      let (place, found) = locate(component, in: here)
      guard found else {
        try insert(Node(content: .folder, layer: layer), component, at: place, in: here)
        way.append(nodes.count - 1)
        continue
      }
      let next = nodes[here].children[place].node
      switch nodes[next].content {
      case .folder: way.append(next)
      case .file: throw .link(path: entry.description, "'\(component)' on the way is a file")
      case .symbolicLink(let target):
        links += 1
        guard links <= Self.mostLinks else {
          throw .link(path: entry.description, "more than \(Self.mostLinks) symbolic links on the way")
        }
        if target.utf8.first == UInt8(ascii: "/") { way = [0] }
        rest.append(
          contentsOf: target.utf8.split(separator: UInt8(ascii: "/")).reversed().map { String(Substring($0)) }
        )
      }
    }
    return way[way.count - 1]
  }
}
