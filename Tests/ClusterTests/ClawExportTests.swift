import Crypto
import Foundation
import Merkle
import Records
import Testing

/// The two offline verifiers, ours and the one that shares no code with it, on the same ledgers.
struct ClawExportTests {
  private func temporary(_ text: String) throws -> String {
    let path = FileManager.default.temporaryDirectory.path + "/export-\(UUID().uuidString)"
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  /// What both say of an export.
  private func verify(_ text: String, cluster: Digest? = nil) throws -> (ours: Outcome, theirs: Outcome) {
    let path = try temporary(text)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let arguments = [path] + (cluster.map { ["--cluster", $0.hex] } ?? [])
    return (
      try Programs.run("claw", ["ledger", "verify"] + arguments),
      try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py"] + arguments)
    )
  }

  private func lines(_ text: String) -> [String] {
    text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  @Test("an honest ledger with every kind of act verifies")
  func honest() throws {
    let ledger = try SampleLedger.full()
    let (ours, theirs) = try verify(ledger.export, cluster: ledger.cluster)
    #expect(ours.code == 0, "\(ours.output)")
    #expect(theirs.code == 0, "\(theirs.output)")
    #expect(theirs.output.contains("approvals 2, with the consent of the parties 2"))
    #expect(theirs.output.contains("receipts  2"))
  }

  @Test("a ledger of another cluster is refused")
  func otherCluster() throws {
    let (ours, theirs) = try verify(try SampleLedger.full().export, cluster: SHA256.hash("another"))
    #expect(ours.code == 7)
    #expect(theirs.code == 1)
  }

  @Test("a changed record is named by its leaf", arguments: 0..<11)
  func changedRecord(leaf: Int) throws {
    let ledger = try SampleLedger.full()
    var lines = lines(ledger.export)
    var parts = lines[3 + leaf].split(separator: " ").map(String.init)
    var bytes = try #require(Base64.decode(parts[2]))
    bytes[bytes.count / 2] ^= 1
    parts[2] = Base64.encode(bytes)
    lines[3 + leaf] = parts.joined(separator: " ")
    let (ours, theirs) = try verify(lines.joined(separator: "\n"), cluster: ledger.cluster)
    #expect(ours.code == 7 && ours.output.contains("leaf \(leaf):"), "\(ours.output)")
    #expect(theirs.code == 1 && theirs.output.contains("leaf \(leaf):"), "\(theirs.output)")
  }

  @Test("a bit that turns over in a note names its line, also where no text is left", arguments: [0, 7])
  func changedNote(bit: UInt8) throws {
    let ledger = try SampleLedger.full()
    let lines = lines(ledger.export)
    let at = try #require(lines.firstIndex { $0.hasPrefix("note ") })
    for position in [5, 90, 130] {
      var bytes = try #require(Base64.decode(String(lines[at].dropFirst(5))))
      bytes[position] ^= 1 << bit
      var changed = lines
      changed[at] = "note \(Base64.encode(bytes))"
      let (ours, theirs) = try verify(changed.joined(separator: "\n"), cluster: ledger.cluster)
      #expect(ours.code == 7 && ours.output.contains("line \(at + 1)"), "\(ours.output)")
      #expect(theirs.code == 1 && theirs.output.contains("line \(at + 1)"), "\(theirs.output)")
    }
  }

  @Test("a record that is changed with its listed hash contradicts the next note")
  func consistentChange() throws {
    let ledger = try SampleLedger.full()
    var lines = lines(ledger.export)
    let other = Record(at: SampleLedger.at, body: .tick).bytes
    lines[3 + 2] = "leaf \(TreeHash.leaf(other).hex) \(Base64.encode(other)) -"
    let (ours, theirs) = try verify(lines.joined(separator: "\n"), cluster: ledger.cluster)
    #expect(ours.code == 7, "\(ours.output)")
    #expect(theirs.code == 1 && theirs.output.contains("up to leaf 3"), "\(theirs.output)")
  }

  @Test("a changed attachment is named by its leaf; an erased one is no fault")
  func attachments() throws {
    let ledger = try SampleLedger.full()
    var changed = lines(ledger.export)
    let other = Records.Attachment("parameters", SampleLedger.salted(["text": "another"]))
    var parts = changed[3 + 2].split(separator: " ").map(String.init)
    parts[3] = Base64.encode(other.bytes)
    changed[3 + 2] = parts.joined(separator: " ")
    let (ours, theirs) = try verify(changed.joined(separator: "\n"))
    #expect(ours.code == 7 && ours.output.contains("leaf 2:"), "\(ours.output)")
    #expect(theirs.code == 1 && theirs.output.contains("leaf 2:"), "\(theirs.output)")

    parts[3] = "-"
    changed[3 + 2] = parts.joined(separator: " ")
    let erased = try verify(changed.joined(separator: "\n"))
    #expect(erased.ours.code == 0 && erased.theirs.code == 0, "\(erased.ours.output)\(erased.theirs.output)")
  }

  @Test(
    "what the parties signed is still held against the rules",
    arguments: [("founder", 0), ("consent", 4)])
  func signedFaults(fault: String, leaf: Int) throws {
    var faults = SampleLedger.Faults()
    if fault == "founder" { faults.founderIsSilent = true } else { faults.consentLeavesOut = LeafIndex(3) }
    let (ours, theirs) = try verify(try SampleLedger.full(faults).export)
    #expect(ours.code == 7 && ours.output.contains("leaf \(leaf):"), "\(fault): \(ours.output)")
    #expect(theirs.code == 1 && theirs.output.contains("leaf \(leaf):"), "\(fault): \(theirs.output)")
  }

  @Test(
    "a receipt that is not its executor's is void: both verifiers list it, and count none",
    arguments: [true, false])
  func voidReceipt(isKeyAnothers: Bool) throws {
    var faults = SampleLedger.Faults()
    if isKeyAnothers { faults.executorKeyIsAnothers = true } else { faults.enrolmentIsSignedTwice = false }
    let (ours, theirs) = try verify(try SampleLedger.full(faults).export)
    for outcome in [ours, theirs] {
      #expect(outcome.code == 0, "\(outcome.output)")
      let lines = outcome.output.split(separator: "\n")
      #expect(lines.contains { $0.hasPrefix("void ") && $0.contains("leaf 4:") }, "\(outcome.output)")
      #expect(lines.contains { $0.hasPrefix("receipts  0,") }, "\(outcome.output)")
    }
  }

  @Test("an approval by people of whom one did not vote is found by the stranger's verifier")
  func missingVote() throws {
    var faults = SampleLedger.Faults()
    faults.attestorVoted = false
    let (_, theirs) = try verify(try SampleLedger.full(faults).export)
    #expect(theirs.code == 1 && theirs.output.contains("approver/y did not vote"), "\(theirs.output)")
  }

  @Test("leaves that no note covers, and a missing leaf, are refused")
  func incomplete() throws {
    let ledger = try SampleLedger.full()
    var withoutLastNote = lines(ledger.export)
    withoutLastNote.remove(at: withoutLastNote.count - 2)
    let tail = try verify(withoutLastNote.joined(separator: "\n"))
    #expect(tail.ours.code == 7 && tail.ours.output.contains("covered by no note"), "\(tail.ours.output)")
    #expect(
      tail.theirs.code == 1 && tail.theirs.output.contains("covered by no note"), "\(tail.theirs.output)")
    var missing = lines(ledger.export)
    missing.remove(at: 5)
    let gap = try verify(missing.joined(separator: "\n"))
    #expect(gap.ours.code == 7 && gap.theirs.code == 1)
  }

  @Test("no flipped bit of an export goes unseen by the stranger's verifier")
  func everyBit() throws {
    let path = try temporary(try SampleLedger.full().export)
    defer { try? FileManager.default.removeItem(atPath: path) }
    // In one process: one import, and one file that is read again and again.
    let program = """
      import sys
      sys.path.insert(0, "Docs/Protocol")
      import verify
      data = bytearray(open(sys.argv[1], "rb").read())
      unseen = []
      for position in range(0, len(data), 7):
          data[position] ^= 1
          open(sys.argv[1], "wb").write(data)
          data[position] ^= 1
          try:
              verify.Audit(sys.argv[1], None).run()
              unseen.append(position)
          except (verify.Wrong, UnicodeDecodeError):
              pass
      print("unseen", unseen)
      """
    let outcome = try Programs.run("/usr/bin/python3", ["-B", "-c", program, path])
    #expect(outcome.output == "unseen []\n", "\(outcome.output)")
  }

  @Test("the table has a row for each decision and receipt, with the class and kernel that ran")
  func table() throws {
    let path = try temporary(try SampleLedger.full().export)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let table = try Programs.run("claw", ["ledger", "table", path])
    #expect(table.code == 0, "\(table.output)")
    let rows = lines(table.output).filter { $0.contains("decision") || $0.contains("receipt") }
    #expect(rows.count == 5)
    #expect(rows.count { $0.contains("microvm-tcg") && $0.contains("6.1.0-sample") } == 2)
    let json = try Programs.run("claw", ["ledger", "table", path, "--json"])
    #expect(json.output.contains("\"guest_kernel\":\"6.1.0-sample\""))
  }
}
