/// Bytes on their way from an action to its destination. What the action has sent it is owed credit for, once it is
/// passed on; what the proxy says itself, or has given the credit for already, comes first and is owed none.
struct ProxyUpload {
  /// Not passed on yet.
  private(set) var bytes: [UInt8] = []
  /// Of the first so many no credit is due.
  private var own = 0
  /// Bytes of a request's body that have not come yet.
  private(set) var bodyLeft = 0

  var isEmpty: Bool { bytes.isEmpty }
  var count: Int { bytes.count }

  /// Credit that is due for what is here.
  var owed: Int { max(0, bytes.count - own) }

  /// Begins anew, with a request's body of so many bytes.
  mutating func begin(bodyOf length: Int) {
    bytes = []
    own = 0
    bodyLeft = length
  }

  /// The proxy's own words, instead of what was here.
  mutating func speak(_ words: [UInt8]) {
    bytes = words
    own = words.count
  }

  mutating func append(_ more: [UInt8]) { bytes += more }

  /// Takes of `more` what the body still lacks, and nothing after it. Returns that.
  mutating func append(bodyOf more: [UInt8]) -> [UInt8] {
    let body = Array(more.prefix(bodyLeft))
    bodyLeft -= body.count
    bytes += body
    return body
  }

  /// Credit for all that is here has been given.
  mutating func settle() { own = bytes.count }

  /// The first so many bytes are passed on. Returns how much credit is due for them.
  mutating func pass(_ count: Int) -> Int {
    bytes.removeFirst(count)
    let ofProxy = min(own, count)
    own -= ofProxy
    return count - ofProxy
  }

  /// Nothing of it is passed on.
  mutating func drop() { bytes = [] }
}
