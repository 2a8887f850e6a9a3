/// What all modules define, by path.
struct Names: Sendable {
  private var rules: Set<[String]> = []
  private var functions: [[String]: Int] = [:]
  /// Builtins besides the language's own.
  private var extra: [String: Builtin] = [:]

  init(_ modules: [Module], builtins: [Builtin]) {
    for builtin in builtins { extra[builtin.name] = builtin }
    for module in modules {
      for rule in module.rules {
        var path = module.package
        for part in rule.head.path {
          guard case .value(.string(let text)) = part else { break }
          path.append(text)
        }
        rules.insert(Array(path.prefix(module.package.count + 1)))
        if let arguments = rule.head.arguments { functions[path] = arguments.count }
      }
    }
  }

  func isRule(_ name: String, in package: [String]) -> Bool { rules.contains(package + [name]) }
  func isFunction(_ path: [String]) -> Bool { functions[path] != nil }

  func builtin(_ name: String) -> Builtin? { Builtins.named(name) ?? extra[name] }

  func arity(of callee: Callee) -> Int? {
    switch callee {
    case .builtin(let builtin): builtin.arity
    case .function(let path): functions[path]
    }
  }
}
