// The ceremony that makes the group key.

/// Key generation, first round: commitment and proof of possession.
public struct KeyRoundOne: WireMessage {
  /// Hash of the configuration that the party was given.
  public var configuration: [UInt8] = []
  public var package: [UInt8] = []
  /// Set by a party that has finished and answers a laggard: it wants no answer itself.
  public var isAnswer: Bool = false

  public init() {}

  public init(configuration: [UInt8] = [], package: [UInt8] = [], isAnswer: Bool = false) {
    self.configuration = configuration
    self.package = package
    self.isAnswer = isAnswer
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: configuration = try reader.bytes()
    case 2: package = try reader.bytes()
    case 3: isAnswer = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, configuration)
    writer.bytes(2, package)
    writer.bool(3, isAnswer)
  }
}

/// Key generation, second round: the receiver's secret share.
public struct KeyRoundTwo: WireMessage {
  public var share: [UInt8] = []
  /// The transcript that the sender saw.
  public var transcript: [UInt8] = []

  public init() {}

  public init(
    share: [UInt8] = [], transcript: [UInt8] = []
  ) {
    self.share = share
    self.transcript = transcript
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: share = try reader.bytes()
    case 2: transcript = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, share)
    writer.bytes(2, transcript)
  }
}

/// A party's signature over the genesis leaf.
public struct KeySignature: WireMessage {
  public var genesisHash: [UInt8] = []
  public var signature: [UInt8] = []

  public init() {}

  public init(
    genesisHash: [UInt8] = [], signature: [UInt8] = []
  ) {
    self.genesisHash = genesisHash
    self.signature = signature
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: genesisHash = try reader.bytes()
    case 2: signature = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, genesisHash)
    writer.bytes(2, signature)
  }
}

/// The complete genesis, for a laggard.
public struct GenesisShown: WireMessage {
  public var leaf: [UInt8] = []
  public var attachment: [UInt8] = []

  public init() {}

  public init(
    leaf: [UInt8] = [], attachment: [UInt8] = []
  ) {
    self.leaf = leaf
    self.attachment = attachment
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: leaf = try reader.bytes()
    case 2: attachment = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, leaf)
    writer.bytes(2, attachment)
  }
}
