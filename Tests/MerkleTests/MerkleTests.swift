import Conformance
import Crypto
import Foundation
import Merkle
import Synchronization
import Testing

private func entries(_ name: String) throws -> [[String: Any]] {
  let data = Data(try Conformance.bytes("merkle/\(name).json"))
  return try #require(try JSONSerialization.jsonObject(with: data) as? [[String: Any]])
}

private func unsigned(_ entry: [String: Any], _ key: String) throws -> UInt64 {
  try #require(entry[key] as? NSNumber).uint64Value
}

/// A digest field; nil where the vector holds something that is not 32 bytes.
private func digest(_ value: Any?) -> Digest? {
  guard let text = value as? String, let bytes = Data(base64Encoded: text) else { return nil }
  return Digest(Array(bytes))
}

/// A root of the consistency vectors, which treat roots as opaque bytes; what is not 32 bytes long
/// stands in as a hash of its own, equal exactly where the bytes are.
private func opaqueRoot(_ value: Any?) -> Digest? {
  guard let text = value as? String, let bytes = Data(base64Encoded: text) else { return nil }
  return Digest(Array(bytes)) ?? SHA256.hash([0xFF] + Array(bytes))
}

/// The proof; nil where one of its elements is not a digest.
private func proof(_ entry: [String: Any]) -> [Digest]? {
  let texts = entry["proof"] as? [Any] ?? []
  let hashes = texts.compactMap(digest)
  return hashes.count == texts.count ? hashes : nil
}

/// Whether `check` holds; a malformed input counts as not.
private func holds(_ check: () throws -> Void?) -> Bool { (try? check()) ?? nil != nil }

struct MerkleVectorTests {
  @Test("RFC 6962 inclusion vectors", .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func inclusion() throws {
    for entry in try entries("inclusion") {
      let index = try unsigned(entry, "leafIdx")
      let size = try unsigned(entry, "treeSize")
      let good = holds {
        guard let leaf = digest(entry["leafHash"]), let root = digest(entry["root"]), let path = proof(entry)
        else { return nil }
        try Proof.verifyInclusion(leaf: leaf, index: index, size: size, path: path, root: root)
      }
      #expect(good != (entry["wantErr"] as? Bool), "\(entry["name"] ?? "")")
    }
  }

  @Test(
    "RFC 6962 consistency vectors", .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func consistency() throws {
    for entry in try entries("consistency") {
      let old = try unsigned(entry, "size1")
      let size = try unsigned(entry, "size2")
      let good = holds {
        guard let oldRoot = opaqueRoot(entry["root1"]), let root = opaqueRoot(entry["root2"]),
          let path = proof(entry)
        else { return nil }
        try Proof.verifyConsistency(old: old, oldRoot: oldRoot, size: size, root: root, proof: path)
      }
      #expect(good != (entry["wantErr"] as? Bool), "\(entry["name"] ?? "")")
    }
  }

  @Test("subtree inclusion vectors", .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func subtreeInclusion() throws {
    for entry in try entries("subtreeinclusion") {
      let index = try unsigned(entry, "leafIdx")
      let start = try unsigned(entry, "start")
      let end = try unsigned(entry, "end")
      let good = holds {
        guard start <= end, let leaf = digest(entry["leafHash"]), let root = digest(entry["root"]),
          let path = proof(entry)
        else { return nil }
        try Proof.verifySubtreeInclusion(leaf: leaf, index: index, range: start..<end, path: path, root: root)
      }
      #expect(good != (entry["wantErr"] as? Bool), "\(entry["name"] ?? "")")
    }
  }

  @Test("subtree consistency vectors", .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func subtreeConsistency() throws {
    for entry in try entries("subtreeconsistency") {
      let start = try unsigned(entry, "start")
      let end = try unsigned(entry, "end")
      let size = try unsigned(entry, "size")
      let good = holds {
        guard start <= end, let subtree = opaqueRoot(entry["root1"]), let root = opaqueRoot(entry["root2"]),
          let path = proof(entry)
        else { return nil }
        try Proof.verifySubtreeConsistency(
          range: start..<end, subtreeRoot: subtree, size: size, root: root, proof: path)
      }
      #expect(good != (entry["wantErr"] as? Bool), "\(entry["name"] ?? "")")
    }
  }

  @Test(
    "the published signed note verifies under its key, and not once a bit of it is changed",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func publishedNote() throws {
    let bytes = try Conformance.bytes("signed-note/signed-note-example.txt")
    let text = String(decoding: try Conformance.bytes("signed-note/signed-note-example.vkey"), as: UTF8.self)
    let key = text.trimmingCharacters(in: .whitespacesAndNewlines)
    let verifier = try #require(NoteVerifier(text: key))
    #expect(verifier.text == key)
    let note = try SignedNote(parsing: bytes)
    #expect(try note.verify([verifier]) == [verifier])
    #expect(Array(note.encoded.utf8) == bytes)
    for position in bytes.indices {
      var changed = bytes
      changed[position] ^= 1
      #expect(throws: NoteError.self) { try SignedNote(parsing: changed).verify([verifier]) }
    }
  }
}

/// A tree kept as RFC 6962 §2.1 defines it, without any of the code under test but the two hashes.
private func referenceRoot(_ leaves: ArraySlice<[UInt8]>) -> Digest {
  guard leaves.count > 1, let first = leaves.first else {
    return leaves.first.map(TreeHash.leaf) ?? TreeHash.empty
  }
  _ = first
  var half = 1
  while half * 2 < leaves.count { half *= 2 }
  let middle = leaves.startIndex + half
  return TreeHash.node(referenceRoot(leaves[..<middle]), referenceRoot(leaves[middle...]))
}

struct TreeTests {
  private let leaves: [[UInt8]] = (0..<70).map { Array("leaf \($0)".utf8) }

  private func stored() -> (nodes: [NodeAddress: Digest], frontiers: [Frontier]) {
    var nodes: [NodeAddress: Digest] = [:]
    var frontier = Frontier()
    var all = [frontier]
    for leaf in leaves {
      frontier.append(TreeHash.leaf(leaf)) { nodes[$0] = $1 }
      all.append(frontier)
    }
    return (nodes, all)
  }

  @Test("every prefix has the root that the definition gives, also when reopened from its nodes")
  func roots() {
    let (nodes, frontiers) = stored()
    for size in 0...leaves.count {
      #expect(frontiers[size].root == referenceRoot(leaves[..<size]))
      #expect(Frontier(size: UInt64(size)) { nodes[$0] } == frontiers[size])
    }
  }

  @Test("every inclusion proof of every size verifies, and no other leaf, index or root does")
  func inclusion() throws {
    let (nodes, frontiers) = stored()
    for size in 1...leaves.count {
      let root = frontiers[size].root
      for index in 0..<size {
        let path = try #require(
          Proof.inclusion(index: UInt64(index), size: UInt64(size)) { nodes[$0] })
        let leaf = TreeHash.leaf(leaves[index])
        try Proof.verifyInclusion(
          leaf: leaf, index: UInt64(index), size: UInt64(size), path: path, root: root)
        let other = TreeHash.leaf(leaves[(index + 1) % leaves.count])
        #expect(throws: ProofError.rootMismatch) {
          try Proof.verifyInclusion(
            leaf: other, index: UInt64(index), size: UInt64(size), path: path, root: root)
        }
      }
    }
  }

  @Test("every consistency proof verifies, and fails once a hash is dropped or exchanged")
  func consistency() throws {
    let (nodes, frontiers) = stored()
    for size in 1...leaves.count {
      for old in 1...size {
        var path = try #require(
          Proof.consistency(old: UInt64(old), size: UInt64(size)) { nodes[$0] })
        func verify(_ path: [Digest]) throws {
          try Proof.verifyConsistency(
            old: UInt64(old), oldRoot: frontiers[old].root, size: UInt64(size),
            root: frontiers[size].root, proof: path)
        }
        try verify(path)
        guard let last = path.popLast() else { continue }
        #expect(throws: ProofError.self) { try verify(path) }
        #expect(throws: ProofError.self) { try verify(path + [TreeHash.node(last, last)]) }
        #expect(throws: ProofError.self) { try verify(path + [last, last]) }
      }
    }
  }
}

private struct Text: MerkleValue, Equatable {
  let text: String
  func merkleBytes() -> [UInt8] { Array(text.utf8) }
}

/// Counts how often it is worked out what it is hashed as.
private final class Counted: MerkleValue {
  let text: String
  private let times = Mutex(0)
  var encodings: Int { times.withLock { $0 } }

  init(_ text: String) { self.text = text }

  func merkleBytes() -> [UInt8] {
    times.withLock { $0 += 1 }
    return Array(text.utf8)
  }
}

struct MerkleMapTests {
  @Test("the root depends on the contents, not on the way there")
  func historyIndependent() {
    var forward = MerkleMap<Text>()
    var backward = MerkleMap<Text>()
    for number in 0..<200 { forward["key \(number)"] = Text(text: "v\(number)") }
    for number in (0..<260).reversed() { backward["key \(number)"] = Text(text: "x") }
    for number in 200..<260 { backward["key \(number)"] = nil }
    #expect(forward.rootHash != backward.rootHash)
    for number in 0..<200 { backward["key \(number)"] = Text(text: "v\(number)") }
    #expect(forward.rootHash == backward.rootHash)
    #expect(backward.count == 200)
    for number in 0..<200 { backward["key \(number)"] = nil }
    #expect(backward.rootHash == MerkleMap<Text>.emptyRoot)
    #expect(backward.count == 0)
  }

  @Test("the definition of the root, spelled out for one and two cells")
  func definition() {
    func leaf(_ key: String, _ value: String) -> Digest {
      SHA256.hash([0] + SHA256.hash(key).bytes + SHA256.hash(value).bytes)
    }
    var map = MerkleMap<Text>()
    map["a"] = Text(text: "1")
    #expect(map.rootHash == leaf("a", "1"))
    map["b"] = Text(text: "2")
    // SHA-256("a") begins with bit 1, SHA-256("b") with bit 0.
    #expect(SHA256.hash("a").bytes[0] & 0x80 != 0)
    #expect(SHA256.hash("b").bytes[0] & 0x80 == 0)
    #expect(map.rootHash == SHA256.hash([1] + leaf("b", "2").bytes + leaf("a", "1").bytes))
  }

  @Test("vectors: the root of one cell and of eight, as Docs/Protocol/Notes.md has them")
  func vectors() {
    var map = MerkleMap<Text>()
    map["key 0"] = Text(text: "value 0")
    #expect(
      map.rootHash.hex == "263f3134568bd91568a048cb99c08729973fd146db930b054d91a3f79e7a346a")
    for number in 1..<8 { map["key \(number)"] = Text(text: "value \(number)") }
    #expect(
      map.rootHash.hex == "b01fd3e51bc288089eb54fc9fc4d3fcf757de50a1eb7e9ecebc60536c16db539")
  }

  @Test("a copy keeps its contents and root while the original goes on")
  func persistence() {
    var map = MerkleMap<Text>()
    for number in 0..<50 { map["\(number)"] = Text(text: "old") }
    let copy = map
    let root = copy.rootHash
    for number in 0..<50 { map["\(number)"] = Text(text: "new") }
    #expect(copy.rootHash == root)
    #expect(copy["7"] == Text(text: "old"))
    #expect(map["7"] == Text(text: "new"))
    #expect(map["none"] == nil)
  }

  @Test("the changes since an earlier copy are exactly the cells that differ")
  func changes() {
    var map = MerkleMap<Text>()
    for number in 0..<100 { map["\(number)"] = Text(text: "old") }
    let earlier = map
    for number in 40..<45 { map["\(number)"] = Text(text: "new") }
    for number in 90..<100 { map["\(number)"] = nil }
    map["added"] = Text(text: "new")
    var changed: [String: String?] = [:]
    map.takeChanges(since: earlier) { changed[$0] = .some($1.map { String(decoding: $0, as: UTF8.self) }) }
    var expected: [String: String?] = ["added": "new"]
    for number in 40..<45 { expected["\(number)"] = "new" }
    for number in 90..<100 { expected["\(number)"] = .some(nil) }
    #expect(changed == expected)
  }

  @Test("what is written down is what was hashed, worked out once; afterwards nothing is kept of it")
  func taking() {
    func taken(_ map: MerkleMap<Counted>, since earlier: MerkleMap<Counted>) -> [String: [UInt8]?] {
      var out: [String: [UInt8]?] = [:]
      map.takeChanges(since: earlier) { out[$0] = .some($1) }
      return out
    }
    let (kept, gone, hashed, unhashed) = (
      Counted("kept"), Counted("gone"), Counted("hashed"), Counted("unhashed")
    )
    var map = MerkleMap<Counted>()
    map["kept"] = kept
    map["gone"] = gone
    // Came from where it is written down: hashed, and not kept.
    map.markWritten()
    _ = map.rootHash
    let earlier = map
    map["gone"] = nil
    map["hashed"] = hashed
    _ = map.rootHash
    map["unhashed"] = unhashed
    #expect(
      taken(map, since: earlier)
        == ["gone": nil as [UInt8]?, "hashed": Array("hashed".utf8), "unhashed": Array("unhashed".utf8)])
    #expect([kept, gone, hashed, unhashed].map(\.encodings) == [1, 1, 1, 1])
    // Taken once more it is worked out again, as what was never hashed is when it is.
    _ = map.rootHash
    #expect(taken(map, since: earlier)["hashed"] == Array("hashed".utf8))
    #expect(taken(map, since: MerkleMap())["kept"] == Array("kept".utf8))
    #expect([kept, hashed, unhashed].map(\.encodings) == [2, 3, 4])
  }
}
