import Glibc
import Host
import OpenExec

/// The executor's journal: one file a key, each replaced as a whole and synced. The nonce of a run is on
/// disk here before the run starts.
struct JournalFolder {
  let path: String

  init(path: String) { self.path = path }

  /// The file of a key; keys have no characters but those of identifiers and slashes.
  private func file(_ key: String) -> String {
    let name = key.utf8.map { $0 == UInt8(ascii: "/") ? UInt8(ascii: "+") : $0 }
    return path + "/" + String(decoding: name, as: UTF8.self)
  }

  /// Carries a write out.
  func write(_ key: String, _ value: [UInt8]?) throws(FileError) {
    if let value {
      try Files.write(value, to: file(key), mode: 0o600)
    } else {
      try Files.remove(file(key))
    }
  }

  /// Everything that is kept.
  func rows() throws -> [(key: String, value: [UInt8])] {
    guard Files.exists(path) else { return [] }
    var rows: [(key: String, value: [UInt8])] = []
    for name in try Files.list(path) where !name.hasSuffix(".new") {
      let key = String(
        decoding: name.utf8.map { $0 == UInt8(ascii: "+") ? UInt8(ascii: "/") : $0 }, as: UTF8.self)
      rows.append((key, try Files.read(path + "/" + name)))
    }
    return rows
  }

  /// Begins the registry of an incarnation; refuses where one is there.
  func begin(_ identity: ExecutorIdentity) throws {
    guard try rows().isEmpty else {
      throw FileError(path: path, reason: "a registry is there already; a new incarnation needs a new folder")
    }
    try Files.createFolder(path, mode: 0o700)
    for write in RestoredJournal.beginning(identity) { try self.write(write.key, write.value) }
  }
}

/// An operator's word that an incarnation is new: its first start may begin an empty registry. Without it a
/// missing registry is a lost one, and the executor does not start.
///
/// The word is given once. That it was given is kept beside the configuration, where it outlives the data
/// folder: whoever loses the registry cannot begin the same incarnation anew, and run again what it ran.
enum BeginMark {
  /// Says that the word was given, for good.
  private static func spent(_ configuration: ExecutorConfiguration) -> String {
    "\(configuration.home)/begun-\(configuration.incarnation)"
  }

  private static func path(_ configuration: ExecutorConfiguration) -> String {
    configuration.data + "/begin-\(configuration.incarnation)"
  }

  static func write(_ configuration: ExecutorConfiguration) throws {
    let journal = JournalFolder(path: configuration.data + "/journal")
    guard try journal.rows().isEmpty else {
      throw FileError(
        path: journal.path, reason: "a registry is there already; a new incarnation needs a new data folder")
    }
    // Said and not acted on yet: saying it again changes nothing.
    if Files.exists(path(configuration)) { return }
    guard !Files.exists(spent(configuration)) else {
      throw FileError(
        path: spent(configuration),
        reason: "incarnation \(configuration.incarnation) was begun before, and its registry of what has run "
          + "is not in \(journal.path) any more. Nothing can tell which tokens ran: enrol the executor with "
          + "incarnation \(configuration.incarnation + 1) (claw enrol), write that into its configuration, "
          + "and begin again")
    }
    try Files.createFolder(configuration.data, mode: 0o700)
    try Files.write("", to: spent(configuration))
    try Files.write("", to: path(configuration))
  }

  /// Begins the registry if the mark is there, and takes the mark away.
  static func consume(_ configuration: ExecutorConfiguration, _ identity: ExecutorIdentity) throws {
    guard Files.exists(path(configuration)) else { return }
    let journal = JournalFolder(path: configuration.data + "/journal")
    if try journal.rows().isEmpty { try journal.begin(identity) }
    try Files.remove(path(configuration))
  }
}
