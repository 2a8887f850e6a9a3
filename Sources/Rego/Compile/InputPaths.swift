/// A member of the input, by constant keys.
final class InputPath: Sendable {
  /// Where an evaluation keeps what it found there; nil where it does not.
  let number: Int?
  let keys: [Value]

  init(number: Int?, keys: [Value]) {
    self.number = number
    self.keys = keys
  }
}

/// The members of the input that a policy asks for, each with one number.
struct InputPaths: Sendable {
  private var known: [[Value]: InputPath] = [:]
  var count: Int { known.count }

  /// The member at these keys; `isNew` says whether it may get a number where it has none.
  mutating func path(_ keys: [Value], isNew: Bool) -> InputPath {
    if let path = known[keys] { return path }
    guard isNew else { return InputPath(number: nil, keys: keys) }
    let path = InputPath(number: known.count, keys: keys)
    known[keys] = path
    return path
  }
}
