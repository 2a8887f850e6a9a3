import Canonical
import Crypto
import Records
import Schema

/// The active bundle with its schemas and its policy compiled; shared by every copy of the state.
final class CompiledBundle: Sendable {
  struct Action: Sendable {
    let definition: ActionDefinition
    let schema: Schema
    /// Hash of the schema's JSON: parameters that satisfy it satisfy every equal one.
    let schemaHash: Digest
    /// What a receipt calls it.
    let manifestDigest: Digest
  }

  let bundle: PolicyBundle
  /// What decides.
  let policy: any ReadyPolicy
  /// What is covered in results.
  let redaction: Redaction
  /// In the bundle's order: ascending by name.
  private let actions: [Action]

  /// Refuses a bundle that could not be enforced: a schema that does not compile, a raw shell, an
  /// approval rule for an action that does not exist, a policy that has faults, or a file
  /// that the evaluator does not know.
  init(_ bundle: PolicyBundle, evaluator: some PolicyEvaluating) throws(ShieldError) {
    policy = try evaluator.compile(bundle)
    redaction = try Redaction(bundle)
    var actions: [Action] = []
    for definition in bundle.actions {
      let schema: Schema
      do {
        schema = try Schema.compile(definition.parametersSchema)
      } catch {
        throw .bundle("action \(definition.name): \(error.description)")
      }
      if let shell = Floor.rawShell(definition.arguments) {
        throw .bundle("action \(definition.name): raw shell is refused, found \"\(shell)\"")
      }
      actions.append(
        Action(
          definition: definition, schema: schema,
          schemaHash: definition.parametersSchema.contentHash, manifestDigest: definition.manifestDigest))
    }
    for rule in bundle.approvals {
      for name in rule.actions where bundle.action(name) == nil {
        throw .bundle("approval rule \(rule.name): expected a registered action, found \"\(name)\"")
      }
    }
    if let objection = bundle.previewObjection { throw .bundle(objection) }
    self.bundle = bundle
    self.actions = actions
  }

  func action(_ name: String) -> Action? {
    var low = 0
    var high = actions.count
    while low < high {
      let middle = (low + high) / 2
      let found = actions[middle].definition.name
      if found == name { return actions[middle] }
      if found.utf8.lexicographicallyPrecedes(name.utf8) { low = middle + 1 } else { high = middle }
    }
    return nil
  }
}
