import Crypto
import Testing

@testable import ClawLedger

/// An export that broke off is told from a whole one, wherever the pieces were cut.
struct ExportCompletenessTests {
  private static let lines = [
    "openexec-export-v1\n", "cluster ab\n", "size 3\n", "leaf a - -\n", "leaf b \(longRecord) -\n",
    "leaf c - -\n",
    note(2), note(3),
  ]
  private static let longRecord = String(repeating: "A", count: 5000)

  private static func note(_ size: Int) -> String {
    let text = "openexec.example/\(String(repeating: "c", count: 64))\n\(size)\nroot\nstate \(longRecord)\n"
    return "note \(Base64.encode(Array(text.utf8)))\n"
  }

  private func fault(_ text: String, pieces: Int = 1_000_000) -> String? {
    var check = ExportCompleteness()
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      check.take(Array(bytes[start..<min(bytes.count, start + pieces)]))
    }
    do throws(ExportCompleteness.Missing) {
      try check.finish()
      return nil
    } catch {
      return error.description
    }
  }

  @Test("a whole export is whole, cut anywhere", arguments: [1, 2, 7, 64, 4096, 1_000_000])
  func whole(pieces: Int) { #expect(fault(Self.lines.joined(), pieces: pieces) == nil) }

  @Test("without any one of its lines it is not", arguments: 2..<8)
  func withoutALine(position: Int) {
    var lines = Self.lines
    lines.remove(at: position)
    // The note of size 2 may go: the one of size 3 proves its leaves too.
    #expect((fault(lines.joined()) == nil) == (position == 6), "line \(position)")
  }

  @Test("broken off within a line, or empty, it is not")
  func broken() {
    let text = Self.lines.joined()
    #expect(fault(String(text.dropLast()))?.contains("broke off in line 8") == true)
    #expect(fault("")?.contains("no header") == true)
    let withoutNotes = Self.lines[..<6].joined()
    #expect(fault(withoutNotes)?.contains("covers 0 of its 3 leaves") == true)
  }
}
