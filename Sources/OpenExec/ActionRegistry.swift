import Canonical
import Crypto
import Records
import Schema

/// Why a bundle cannot be the executor's registry. Without one nothing runs (POL-4).
public enum RegistryError: Error, Equatable, Sendable, CustomStringConvertible {
  case bundle(RecordError)
  /// An action's schema cannot be compiled.
  case schema(action: String, SchemaError)
  /// Not the bundle that the lease names.
  case wrongHash(expected: Digest, found: Digest)

  public var description: String {
    switch self {
    case .bundle(let error): error.description
    case .schema(let action, let error): "action \(action): \(error)"
    case .wrongHash(let expected, let found):
      "bundle: expected \(expected.hex), found \(found.hex)"
    }
  }
}

/// The static registry of one policy bundle, its schemas compiled: all that may run (INV-005, RT-13).
/// It changes only as a whole, with the bundle.
public struct ActionRegistry: Sendable {
  /// The bundle that it was made of.
  public let bundle: PolicyBundle
  /// `schemas[i]` belongs to `bundle.actions[i]`.
  private let schemas: [Schema]

  /// Compiles a bundle's registry.
  public init(_ bundle: PolicyBundle) throws(RegistryError) {
    self.bundle = bundle
    var schemas: [Schema] = []
    for action in bundle.actions {
      do {
        schemas.append(try Schema.compile(action.parametersSchema))
      } catch {
        throw .schema(action: action.name, error)
      }
    }
    self.schemas = schemas
  }

  /// Reads the bundle that came with a lease: canonical JSON of its files.
  public init(parsing bytes: [UInt8], expected: Digest) throws(RegistryError) {
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .bundle(.json(error))
    }
    let bundle: PolicyBundle
    do {
      bundle = try PolicyBundle(value)
    } catch {
      throw .bundle(error)
    }
    guard bundle.hash == expected else { throw .wrongHash(expected: expected, found: bundle.hash) }
    try self.init(bundle)
  }

  /// By ruling 2.
  public var hash: Digest { bundle.hash }

  /// The action and the schema of its parameters.
  func action(_ name: String) -> (definition: ActionDefinition, parameters: Schema)? {
    guard let definition = bundle.action(name),
      let position = bundle.actions.firstIndex(where: { $0.name == definition.name })
    else { return nil }
    return (definition, schemas[position])
  }
}
