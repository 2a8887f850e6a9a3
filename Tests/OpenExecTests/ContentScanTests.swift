import Testing

@testable import OpenExec

/// T3.1: shapes that are flagged, and what only resembles them.
@Suite("Content scan")
struct ContentScanTests {
  func scan(_ text: String, pieces: Int = 1_000) -> ContentFindings {
    var scan = ContentScan()
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: pieces) {
      scan.pass(Array(bytes[start..<min(bytes.count, start + pieces)]))
    }
    scan.finish()
    return scan.findings
  }

  static let credentials = [
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE", "-----BEGIN PRIVATE KEY-----", "key=AKIAIOSFODNN7EXAMPLE;",
    "{\"k\":\"ghp_0123456789abcdefghijABCDEFGHIJ012345\"}",
    "Authorization: Bearer sk-abcdefghijklmnopqrstuvwxyz0123456789",
    "x eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U y",
    "https://h/?t=glpat-ABCDEFGHIJKLMNOPQRST&x=1", "xoxb-123456789012-ABCDEFGHIJ",
  ]
  static let people = [
    "mail to ann.lee+x@mail.example.org.", "\"a@b.co\"", "card 4111 1111 1111 1111 valid",
    "4111-1111-1111-1111",
    "n=5555555555554444,", "7 4111 1111 1111 1111 2026 11", "378282246310005", "ssn 123-45-6789.",
    "DE89370400440532013000",
    "GB82WEST12345698765432",
  ]
  static let nothing = [
    "", "PRIVATE KEY", "a PRIVATE KEY----", "AKIA", "AKIA1234", "sk-short", "ghp_short", "eyJ.eyJ.x", "a@b",
    "@b.co",
    "a@b.c1", "x@ y.de", "4111 1111 1111 1112", "0000 0000 0000 0000", "1111111111111111", "000-12-3456",
    "666-12-3456",
    "900-12-3456", "123-00-6789", "123-45-0000", "DE89370400440532013001", "1234567890",
    "v1.2.3-4111111111111111x",
    "123-45-67890", "2026-11-28 18:20:24", "a4111111111111111", "x.4111111111111111",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  ]

  @Test("credentials, in whatever pieces they come", arguments: credentials)
  func credential(text: String) {
    for pieces in [1, 3, 1_000] {
      #expect(scan(text, pieces: pieces).hasCredential, "\(text) in pieces of \(pieces)")
      #expect(!scan(text, pieces: pieces).hasPersonalData, "\(text)")
    }
  }

  @Test("personal data, in whatever pieces it comes", arguments: people)
  func person(text: String) {
    for pieces in [1, 3, 1_000] {
      #expect(scan(text, pieces: pieces).hasPersonalData, "\(text) in pieces of \(pieces)")
      #expect(!scan(text, pieces: pieces).hasCredential, "\(text)")
    }
  }

  @Test("what only resembles them", arguments: nothing)
  func resembling(text: String) { #expect(scan(text) == ContentFindings(), "\(text)") }

  @Test("a word without end costs no more than its length, and hides nothing that comes after it")
  func long() {
    let noise = String(repeating: "a", count: 200_000)
    #expect(!scan(noise).hasCredential)
    #expect(scan("\(noise) AKIAIOSFODNN7EXAMPLE").hasCredential)
    #expect(scan("\(String(repeating: "1", count: 100_000)) 4111111111111111").hasPersonalData)
  }
}
