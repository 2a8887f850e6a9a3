import Canonical
import Crypto
import Images
import Testing

/// The document beside the image of a built-in machine (INV-023, T5.3).
struct MachineProvenanceTests {
  private static func digest(_ name: String) -> String { "sha256:" + SHA256.hash(name).hex }

  private func document(_ change: (inout JSONObject) -> Void = { _ in }) -> [UInt8] {
    let json: JSON = [
      "type": "openexec/v1/machine-provenance", "image": .string(Self.digest("image")),
      "kernel": .string(Self.digest("kernel")), "guest": .string(Self.digest("guest")), "source": "here",
      "built_with": "a compiler", "pipeline": ["run": 7],
    ]
    guard case .object(var object) = json else { return [] }
    change(&object)
    return JSON.object(object).canonicalBytes()
  }

  private func check(
    _ bytes: [UInt8], image: String = "image", kernel: String = "kernel", guest: String = "guest"
  )
    throws(ImageError)
  {
    try MachineProvenance(parsing: bytes).check(
      image: Self.digest(image), kernel: Self.digest(kernel), guest: Self.digest(guest))
  }

  @Test("its digest is of its canonical form, with all that its builder says in it")
  func hash() throws {
    let plain = try MachineProvenance(parsing: document())
    let spaced = String(decoding: document(), as: UTF8.self).replacing(",", with: " ,\n ")
    #expect(try MachineProvenance(parsing: Array(spaced.utf8)).hash == plain.hash)
    #expect(plain.hash == SHA256.hash(document()) && plain.source == "here")
    #expect(try MachineProvenance(parsing: document { $0["pipeline"] = 8 }).hash != plain.hash)
  }

  @Test("it is about this image, this kernel and this guest, or refused; so is what is no such document")
  func refused() throws {
    try check(document())
    for (image, kernel, guest) in [
      ("x", "kernel", "guest"), ("image", "x", "guest"), ("image", "kernel", "x"),
    ] {
      #expect(throws: ImageError.self) { try check(document(), image: image, kernel: kernel, guest: guest) }
    }
    for name in ["type", "image", "kernel", "guest", "source", "built_with"] {
      #expect(throws: ImageError.self, "\(name)") { try check(document { $0[name] = nil }) }
      #expect(throws: ImageError.self, "\(name)") { try check(document { $0[name] = 1 }) }
    }
    #expect(throws: ImageError.self) { try check(Array("{".utf8)) }
    #expect(throws: ImageError.limit("bytes in a provenance", MachineProvenance.maximumBytes)) {
      try check(document { $0["more"] = .string(String(repeating: "x", count: 70_000)) })
    }
  }
}
