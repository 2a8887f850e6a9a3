import Canonical
import Crypto
import Glibc
import Host
import Images
import Records

/// The OCI images of an executor's host. They are files there, and no cluster is asked: what an action may run is the
/// digest that its policy bundle pins, and the executor holds the image against it.
enum ImageCommands {
  private static let images = CommandOption(
    "--images", "DIR", "the executor's images, as Deploy/images/build makes them; they lie in its folder oci")

  static let all: [Command] = [
    Command(
      "image add", "take an OCI image in from a layout folder or a tar archive of one; prints its digest",
      operands: ["PATH"],
      options: [
        images,
        CommandOption(
          "--digest", "SHA256", "the manifest's, as a bundle pins it; default the only one of the layout"),
        CommandOption("--source", "TEXT", "where it came from; default PATH"),
        CommandOption(
          "--statement", "FILE",
          "an in-toto statement about it, or one in its signed envelope (DSSE); kept with its provenance"),
        CommandOption(
          "--signer", "KEY", "an Ed25519 key, 64 hexadecimal characters: the envelope must bear its signature"
        ),
      ],
      details:
        "Every byte is held against its digest. Its provenance is written beside it, and held against it each "
        + "time that an executor loads it. An image that is there already is verified, and stays as it is. Layers packed "
        + "by zstd are unpacked by the program zstd, which has to be installed then.",
      run: add),
    Command(
      "image list", "the images that are there, and where they came from", options: [images], run: list),
    Command(
      "image verify", "hold images against their digests and their provenance",
      operands: ["[DIGEST]"], options: [images], details: "Without a DIGEST: all of them.", run: verify),
  ]

  private static func library(_ call: Invocation) throws -> ImageLibrary {
    guard let folder = call.parsed.value("--images") else {
      throw UsageError("expected --images, the folder of the executor's images")
    }
    guard Files.isFolder(folder) else { throw Failure(.other, "\(folder): expected a folder") }
    return ImageLibrary("\(folder)/oci")
  }

  private static func attempt<T>(_ work: () throws(ImageError) -> T) throws -> T {
    do {
      return try work()
    } catch {
      let isAbsent = if case .missing = error { true } else { false }
      throw Failure(isAbsent ? .notFound : .other, error.description)
    }
  }

  private static func add(_ call: Invocation) throws -> ExitCode {
    let library = try library(call)
    let path = call.parsed.operand(0) ?? ""
    var origin = Provenance.Origin(
      source: call.parsed.value("--source") ?? path, addedAt: Environment.now.text,
      addedBy: "user \(getuid())")
    if let file = call.parsed.value("--statement") {
      do {
        origin.statement = try JSON.parse(try Operand.bytes(of: file))
      } catch let error as JSONError {
        throw Failure(.other, "\(file): \(error)")
      }
    }
    if let text = call.parsed.value("--signer") {
      guard let signer = PublicKey(hex: text) else {
        throw UsageError("--signer: expected 64 hexadecimal characters that are a key, found \"\(text)\"")
      }
      origin.signer = signer
    }
    let entry = try attempt { () throws(ImageError) in
      try library.add(
        from: path, digest: call.parsed.value("--digest"), origin: origin
      ) { (packed, limit, take) throws(ImageError) in try Zstd.unpack(packed, limit: limit, take) }
    }
    call.say(Report(line(entry), members(entry)))
    return .ok
  }

  private static func list(_ call: Invocation) throws -> ExitCode {
    let library = try library(call)
    let entries = try attempt { () throws(ImageError) in try library.list() }
    let text = entries.isEmpty ? "no images" : entries.map(line).joined(separator: "\n")
    call.say(Report(text, [("images", .array(entries.map { .object(members($0)) }))]))
    return .ok
  }

  private static func verify(_ call: Invocation) throws -> ExitCode {
    let library = try library(call)
    let digests: [String]
    if let digest = call.parsed.operand(0) {
      digests = [digest]
    } else {
      digests = try attempt { () throws(ImageError) in try library.list() }.map(\.digest)
    }
    var verified: [ImageLibrary.Entry] = []
    for digest in digests {
      verified.append(try attempt { () throws(ImageError) in try library.verify(digest) })
    }
    let text =
      verified.isEmpty ? "no images" : verified.map { "\($0.digest)  is what it was" }.joined(separator: "\n")
    call.say(Report(text, [("verified", .array(verified.map { .string($0.digest) }))]))
    return .ok
  }

  private static func line(_ entry: ImageLibrary.Entry) -> String {
    let origin = entry.provenance.origin
    let what =
      switch entry.kind {
      case .container: "bytes of layers"
      case .wasm: "bytes of a WebAssembly module"
      }
    return "\(entry.digest)\n  \(entry.size) \(what), added \(VisibleText.line(origin.addedAt)) by "
      + "\(VisibleText.line(origin.addedBy)) from \(VisibleText.line(origin.source))\n"
      + "  provenance \(entry.provenance.hash.hex), files \(entry.provenance.tree)"
      + (origin.statement == nil ? "" : ", with a statement")
      + (origin.signer.map { " signed by \($0.hex)" } ?? "")
  }

  private static func members(_ entry: ImageLibrary.Entry) -> [(String, JSON)] {
    [
      ("digest", .string(entry.digest)), ("kind", .string(entry.kind.rawValue)),
      ("size", .integer(entry.size)),
      ("provenance_hash", .string(entry.provenance.hash.hex)),
      ("provenance_json", .string(String(decoding: entry.provenance.bytes, as: UTF8.self))),
    ]
  }
}
