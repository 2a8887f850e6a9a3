/// One way in which a governance party lies.
public enum Lie: String, Sendable, CaseIterable {
  /// Leads with two contents for one index, to different peers.
  case equivocate
  /// Shares that are none.
  case garbageShares
  /// Declines whatever it is asked to sign, and names every leaf.
  case declineAll
  /// Withholds some kinds of messages from some peers.
  case censor
  /// Sends old messages again, to whomever.
  case replay
  /// Its clock is far off: log time and note times with it.
  case falseTime
  /// Spoils what it offers to executors.
  case spoilJobs
  /// Names terms that nobody has reached.
  case higherTerms
  /// Says that it holds what it does not, and roots that are none.
  case falseAcknowledgements
  /// Forges statements that it forwards, notes and restrictions.
  case forge
  /// Forwards proposals that no agent made.
  case invent
  /// Asks for two shares with the same nonces.
  case askTwice
  /// Coordinates notes of a root that nobody has; this one and the next two in the build for mutants alone, since the
  /// node itself has to lie.
  case falseRoot
  /// Coordinates notes of a state that nobody derives.
  case falseState
  /// Coordinates consent to every approval, void or not.
  case falseConsent
  // What no seed draws either: exact lies of scenarios.

  /// Leads with two contents for one index, each time: peers with an odd number get the last entry a nanosecond later.
  case twoStories
  /// Leads with something else attached to the last entry, for peers with an odd number.
  case otherAttachments
  /// Leaves a cell out of the states that it sends.
  case spoilStates
  /// Goes back to the disk that it had at the beginning, at the end: its vote, its log and what it signed since never were.
  case forget
  /// Names a term one higher than its own, each time that it answers a leader.
  case oneTermMore
  /// Shows a note that it has signed with its own share of the first key and those of parties that have left or do the same.
  case oldShares
  /// Shows everybody all restrictions that operators have ever signed.
  case oldRestrictions
  /// Names numbers that are as large as they can be, whatever they count; drawn by seeds too.
  case extremeNumbers
  /// Shows everybody refusals of nodes' and operators' certificates that one operator alone has signed, and one of nobody's
  /// that two have; drawn by seeds that have late restrictions.
  case lockOut

  /// What seeds draw.
  static let drawn = allCases.prefix { $0 != .falseRoot } + [.extremeNumbers]

  /// What is counted when a lie is told.
  static let faultNames = [
    "lie: ask twice", "lie: censor", "lie: decline", "lie: equivocate", "lie: extreme number",
    "lie: false acknowledgement",
    "lie: false time",
    "lie: forgery", "lie: garbage share", "lie: higher term", "lie: invented proposal", "lie: lock-out",
    "lie: replay",
    "lie: spoiled job",
    "lie: spoiled lease",
  ]
}
