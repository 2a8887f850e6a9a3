/// How operators sign a restriction.
public enum SigningManner: Hashable, Sendable {
  /// For an hour, and again after that.
  case usual
  /// For so many nanoseconds alone: some parties hear of it later than that.
  case brief(UInt64)
  /// By one whom the others enrol for it and remove as soon as they have handed it in.
  case leaver
}
