extension Planner {
  /// Steps in which a collection is not searched for a key that is known: `some k, v in c; k == x` is a lookup of `x`.
  static func withLookups(_ steps: [Step]) -> [Step] {
    var out: [Step] = []
    var position = 0
    while position < steps.count {
      let step = steps[position]
      position += 1
      guard case .scan(let source, let key?, let value) = step,
        let (inputs, wanted) = equality(of: key, value, steps[position...])
      else {
        out.append(step)
        continue
      }
      out += steps[position..<(position + inputs)]
      out.append(.lookup(source, key: wanted, into: key, value: value))
      position += inputs + 1
    }
    return out
  }

  /// What a key has to be equal to, after looking up some members of the input, as the very next step says.
  private static func equality(
    of key: Int, _ value: Int, _ rest: ArraySlice<Step>
  ) -> (inputs: Int, wanted: Operand)? {
    let inputs = rest.prefix { if case .input = $0 { true } else { false } }.count
    switch rest.dropFirst(inputs).first {
    case .compare(.equal, .slot(key), let other), .compare(.equal, let other, .slot(key)),
      .equal(.slot(key), let other), .equal(let other, .slot(key)):
      if case .slot(let slot) = other, slot == key || slot == value { return nil }
      return (inputs, other)
    default: return nil
    }
  }
}
