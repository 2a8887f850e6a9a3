import Testing

/// `lower`, `upper`, `trim_space` and the classes of regular expressions go by the Unicode tables of the toolchain that built
/// the program. Nodes that two toolchains built must not decide differently.
struct UnicodeTableTests {
  /// Of every scalar: its category, whether it is white space, and what it is in the other case. FNV-1a.
  private static func digest() -> UInt64 {
    var digest: UInt64 = 0xCBF2_9CE4_8422_2325
    func mix(_ byte: UInt8) { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01B3 }
    for value in 0...0x10FFFF as ClosedRange<UInt32> {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let properties = scalar.properties
      withUnsafeBytes(of: properties.generalCategory) { $0.forEach(mix) }
      mix(properties.isWhitespace ? 1 : 0)
      for mapped in [properties.lowercaseMapping, properties.uppercaseMapping]
      where mapped.unicodeScalars.count != 1 || mapped.unicodeScalars.first != scalar {
        mapped.utf8.forEach(mix)
      }
    }
    return digest
  }

  @Test("the toolchain's Unicode tables are those that the evaluator's version stands for")
  func tables() {
    #expect(
      Self.digest() == 0xCAF7_F0FD_494C_EDAF,
      """
      this toolchain has other tables: put what they are into Evaluation.version, so that a bundle names them, and the \
      new digest here
      """)
  }
}
