import Testing

@testable import Archive

/// Archives that Python's `tarfile` and GNU tar wrote.
struct TarTests {
  /// Adds one entry of each kind, in the format named.
  private func archive(_ format: String, _ more: String = "") throws -> [UInt8] {
    try #require(
      try python(
        """
        import sys, tarfile, io
        out = io.BytesIO()
        t = tarfile.open(fileobj=out, mode='w', format=tarfile.\(format))
        def add(name, kind=tarfile.REGTYPE, data=b'', link='', mode=0o644, uid=0, mtime=1700000000, **kw):
            i = tarfile.TarInfo(name); i.type = kind; i.size = len(data); i.linkname = link; i.mode = mode
            i.uid = uid; i.mtime = mtime
            for k, v in kw.items(): setattr(i, k, v)
            t.addfile(i, io.BytesIO(data))
        add('./', tarfile.DIRTYPE, mode=0o755)
        add('etc/', tarfile.DIRTYPE, mode=0o755)
        add('etc/motd', data=b'hello\\n')
        add('/abs/file', data=b'x' * 1000, mode=0o4755, uid=1234)
        add('bin/sh', tarfile.SYMTYPE, link='../usr/bin/dash')
        add('bin/again', tarfile.LNKTYPE, link='etc/motd')
        \(more)
        t.close(); sys.stdout.buffer.write(out.getvalue())
        """))
  }

  @Test(
    "entries of ustar, GNU and pax archives are the same",
    arguments: ["USTAR_FORMAT", "GNU_FORMAT", "PAX_FORMAT"])
  func formats(_ format: String) throws {
    let bytes = try archive(format)
    for piece in [1 << 16, 511, 1] {
      let all = try entries(bytes, piece: piece)
      #expect(
        all.map(\.entry.path.description) == [".", "etc", "etc/motd", "abs/file", "bin/sh", "bin/again"])
      #expect(
        all.map(\.entry.kind) == [
          .folder, .folder, .file(size: 6), .file(size: 1000), .symbolicLink(target: "../usr/bin/dash"),
          .hardLink(target: try ArchivePath(Array("etc/motd".utf8))),
        ])
      #expect(all[2].content == Array("hello\n".utf8))
      #expect(all[3].content == [UInt8](repeating: UInt8(ascii: "x"), count: 1000))
      #expect(
        all[3].entry.mode == 0o4755 && all[3].entry.user == 1234 && all[3].entry.modified == 1_700_000_000)
    }
  }

  @Test("long names, long links, large ids and times before 1970", arguments: ["GNU_FORMAT", "PAX_FORMAT"])
  func long(_ format: String) throws {
    let bytes = try archive(
      format,
      """
      long = '/'.join(['folder%03d' % n for n in range(200)])
          add(long, data=b'deep')
          add('far', tarfile.SYMTYPE, link=long)
          add('ids', uid=3000000, mtime=-5)
      """.replacing("    add", with: "add"))
    let all = try entries(bytes)
    let name = (0..<200).map { "folder" + String(1000 + $0).dropFirst() }.joined(separator: "/")
    #expect(all[6].entry.path.description == name && all[6].content == Array("deep".utf8))
    #expect(all[7].entry.kind == .symbolicLink(target: name))
    #expect(all[8].entry.user == 3_000_000 && all[8].entry.modified == -5)
  }

  @Test("GNU tar's own output, with extended attributes in pax headers passed over")
  func gnuTar() throws {
    let bytes = try #require(
      try output(
        of: "tar",
        [
          "-C", "/usr/share", "--sort=name", "--format=pax", "--pax-option=SCHILY.xattr.user.a:=v", "-cf",
          "-", "zoneinfo",
        ]))
    let all = try entries(bytes)
    let names = try #require(try output(of: "tar", ["-tf", "-"], bytes))
    let listed = String(decoding: names, as: UTF8.self).split(separator: "\n").map { name in
      name.hasSuffix("/") ? String(name.dropLast()) : String(name)
    }
    #expect(all.count > 100 && all.map(\.entry.path.description) == listed)
    #expect(all[0].entry.attributes == ["user.a"])
  }

  @Test(
    "a path that leads out, or that is none, is refused",
    arguments: ["../evil", "a/../../evil", "a/..", "x" + String(repeating: "y", count: 255)])
  func outside(_ path: String) throws {
    let bytes = try archive("PAX_FORMAT", "add('\(path)', data=b'evil')")
    #expect {
      try entries(bytes)
    } throws: { error in
      if case ArchiveError.path = error { true } else { false }
    }
  }

  @Test("files with holes, unknown kinds, and links to nothing are refused")
  func refused() throws {
    let sparse = try archive("GNU_FORMAT", "add('s', b'S', data=b'')")
    let unknown = try archive("GNU_FORMAT", "add('v', b'V', data=b'')")
    let nothing = try archive("PAX_FORMAT", "add('l', tarfile.SYMTYPE, link='')")
    #expect(throws: ArchiveError.kind(path: "s", "a file with holes; pack it without")) {
      try entries(sparse)
    }
    #expect(throws: ArchiveError.kind(path: "v", "an entry of kind 86, which is not known here")) {
      try entries(unknown)
    }
    #expect(throws: ArchiveError.link(path: "l", "a symbolic link to nothing, or to what is no path")) {
      try entries(nothing)
    }
  }

  @Test("what is cut short or altered is refused or read as something else, and never crashes")
  func damaged() throws {
    let bytes = try archive("PAX_FORMAT", "add('\u{e9}', data=b'1234')")
    // Without the blocks of zeros at the end.
    let length = bytes.count - (bytes.reversed().prefix { $0 == 0 }.count / 512 - 1) * 512
    for cut in stride(from: 1, to: length, by: 37) where cut % 512 != 0 {
      #expect(throws: ArchiveError.self) { try entries(Array(bytes[..<cut])) }
    }
    var numbers = Numbers(state: 3)
    for _ in 0..<20_000 {
      var other = bytes
      for _ in 0..<Int.random(in: 1...4, using: &numbers) {
        other[Int.random(in: 0..<length, using: &numbers)] = UInt8.random(in: 0...255, using: &numbers)
      }
      _ = try? entries(other)
    }
  }

  @Test("limits: entries, bytes of files, bytes of a header")
  func limits() throws {
    let bytes = try archive("PAX_FORMAT")
    #expect(throws: ArchiveError.limit("entries", 3)) { try entries(bytes, limits: .init(entries: 3)) }
    #expect(throws: ArchiveError.limit("bytes of files", 1005)) {
      try entries(bytes, limits: .init(bytes: 1005))
    }
    #expect(try entries(bytes, limits: .init(bytes: 1006)).count == 6)
    let long = try archive("PAX_FORMAT", "add('y/' * 300, data=b'')")
    #expect(throws: ArchiveError.limit("bytes in a header", 100)) {
      try entries(long, limits: .init(headerBytes: 100))
    }
  }

  @Test("numbers: octal with blanks, base 256 with a sign, and what is neither")
  func numbers() {
    func number(_ text: String) -> Int64? { TarHeader.number(Array(text.utf8)[...]) }
    #expect(number("0000644\0") == 0o644)
    #expect(number(" 644 \0") == 0o644)
    #expect(number("        ") == 0)
    #expect(number("0000648\0") == nil)
    #expect(number("644\u{0}7") == nil)
    #expect(TarHeader.number([0x80, 0, 0, 0, 0, 0, 1, 0][...]) == 256)
    #expect(TarHeader.number([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFB][...]) == -5)
    #expect(TarHeader.number([0x80, 0, 0, 0, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF][...]) == .max)
    #expect(TarHeader.number([0x80, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0][...]) == nil)
  }
}
