import Canonical
import Crypto
import Records
import Testing

@testable import Simulator

/// Canaries, however they are written.
struct ContaminationTests {
  private let first = Principal.agent(tenant: "acme", name: "agent1")
  private let second = Principal.agent(tenant: "globex", name: "agent3")
  private var book: CanaryBook { CanaryBook(of: [first, second], seed: 7) }

  @Test("a canary is found as it is, in hexadecimal, and in base64 wherever it begins in it")
  func forms() {
    for canary in book.canaries {
      let text = Array(canary.text.utf8)
      #expect(book.found(in: Array("x".utf8) + text + Array("y".utf8)) == [canary])
      #expect(book.found(in: Array(Hex.encode([1] + text + [2]).utf8)) == [canary])
      #expect(book.found(in: Array(Hex.encode(text).uppercased().utf8)) == [canary])
      for before in 0..<6 {
        for after in 0..<4 {
          let bytes = [UInt8](repeating: 0xA5, count: before) + text + [UInt8](repeating: 0x5A, count: after)
          #expect(
            book.found(in: Array(Base64.encode(bytes).utf8)) == [canary], "\(before) before, \(after) after")
        }
      }
    }
  }

  @Test("what is not all of a canary is none")
  func others() {
    for canary in book.canaries {
      var text = Array(canary.text.utf8)
      text[text.count - 1] ^= 1
      #expect(book.found(in: text).isEmpty)
      #expect(book.found(in: Array(Base64.encode(text).utf8)).isEmpty)
      #expect(book.found(in: Array(canary.text.utf8.dropLast())).isEmpty)
    }
    #expect(book.found(in: []).isEmpty)
    #expect(Set(book.canaries.map(\.text)).count == book.canaries.count)
  }

  @Test(
    "an agent of another tenant, an operator, a leaf and a log must not have one; a tenant's own agents may")
  func readers() {
    func verdict(_ act: (inout Oracles) -> Void) -> String? {
      var oracles = Oracles()
      oracles.canaries = book
      act(&oracles)
      return oracles.violated
    }
    let text = Array(Base64.encode([0] + Array(book.text(first, .result).utf8)).utf8)
    let neighbour = Principal.agent(tenant: "acme", name: "agent2")
    #expect(verdict { $0.gets(text, second, at: 0) } == "contamination canaries")
    #expect(verdict { $0.gets(text, .operator("o"), at: 0) } == "contamination canaries")
    #expect(verdict { $0.publishes(text, "a leaf", at: 0) } == "contamination canaries")
    #expect(verdict { $0.gets(text, first, at: 0) } == nil)
    #expect(verdict { $0.gets(text, neighbour, at: 0) } == nil)
  }
}
