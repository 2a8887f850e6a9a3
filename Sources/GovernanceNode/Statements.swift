import Canonical
import Crypto
import Records

#if SIMULATION
private struct StatementQuestion: Hashable {
  let type: RecordType
  let bytes: RememberedBytes
}

private let bodies = Remembered<StatementQuestion, RecordBody>(capacity: 4096)
#endif

/// Statements as calls carry them.
enum Statements {
  static func incident(_ bytes: [UInt8]) throws(RecordError) -> Signed<IncidentAct> {
    guard case .incident(let act) = try body(.incident, bytes) else {
      throw .field("statement", expected: "a signed incident act")
    }
    return act
  }

  /// Reads `{"content":…,"signatures":[…]}` as the body of a record of `type`.
  static func body(_ type: RecordType, _ bytes: [UInt8]) throws(RecordError) -> RecordBody {
    #if SIMULATION
    let question = StatementQuestion(type: type, bytes: RememberedBytes(bytes))
    return try bodies(question) { () throws(RecordError) in try read(type, bytes) }
    #else
    return try read(type, bytes)
    #endif
  }

  private static func read(_ type: RecordType, _ bytes: [UInt8]) throws(RecordError) -> RecordBody {
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    guard case .object(var object) = value else {
      throw .field("statement", expected: "an object, found \(value.kind)")
    }
    guard object["type"] == nil, object["at"] == nil, object["configuration"] == nil else {
      throw .field("statement", expected: "content and signatures only")
    }
    // Who takes part from the record on is for the leader to write beside it.
    if type == .members { object["configuration"] = MemberList(voters: [1]).json }
    object["type"] = .string(type.rawValue)
    object["at"] = .string(Timestamp.epoch.text)
    return try Record(.object(object)).body
  }

  /// The statement of a body that carries signatures, canonical.
  static func bytes(_ body: RecordBody) -> [UInt8] {
    guard case .object(var object) = Record(at: .epoch, body: body).json else { return [] }
    object["type"] = nil
    object["at"] = nil
    object["configuration"] = nil
    return JSON.object(object).canonicalBytes()
  }
}
