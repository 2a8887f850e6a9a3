import Crypto
import FROST
import Foundation

/// The folder of published test data, where it is given.
let conformance = ProcessInfo.processInfo.environment["OPENEXEC_CONFORMANCE"]

/// A JSON value of a vector file, with the few accessors the tests need.
struct Vector {
  private let value: Any

  init(file: String) throws {
    guard let conformance else { throw TestFailure.unexpected("OPENEXEC_CONFORMANCE is not set") }
    let data = try Data(contentsOf: URL(fileURLWithPath: "\(conformance)/frost/\(file)"))
    value = try JSONSerialization.jsonObject(with: data)
  }

  private init(_ value: Any) { self.value = value }

  subscript(_ key: String) -> Vector {
    get throws {
      guard let object = value as? [String: Any], let field = object[key] else {
        throw TestFailure.unexpected("no field \(key)")
      }
      return Vector(field)
    }
  }

  var array: [Vector] {
    get throws {
      guard let list = value as? [Any] else { throw TestFailure.unexpected("no array") }
      return list.map { Vector($0) }
    }
  }

  var keys: [String] {
    get throws {
      guard let object = value as? [String: Any] else {
        throw TestFailure.unexpected("no object")
      }
      return object.keys.sorted()
    }
  }

  var integer: Int {
    get throws {
      if let number = value as? Int { return number }
      guard let text = value as? String, let number = Int(text) else {
        throw TestFailure.unexpected("no integer")
      }
      return number
    }
  }

  var bytes: [UInt8] {
    get throws {
      guard let text = value as? String, let bytes = Hex.decode(text) else {
        throw TestFailure.unexpected("no hexadecimal text")
      }
      return bytes
    }
  }

  var identifier: Identifier {
    get throws {
      guard let identifier = Identifier(UInt16(try integer)) else {
        throw TestFailure.unexpected("no identifier")
      }
      return identifier
    }
  }

  var scalar: Scalar {
    get throws {
      guard let scalar = Scalar(try bytes) else { throw TestFailure.unexpected("no scalar") }
      return scalar
    }
  }

  var element: Element {
    get throws {
      guard let element = Element(try bytes) else { throw TestFailure.unexpected("no element") }
      return element
    }
  }
}
