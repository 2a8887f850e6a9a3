/// One exchange at a time for each account: a server that replaces the refresh token ends the old one, so whoever comes
/// second has to read the account after the first has put the new one back. Confined to the loop.
final class AccountTurns {
  private var held: Set<String> = []
  /// In the order in which they came.
  private var waiting: [(account: String, work: () -> Void)] = []

  /// Does `work` when nobody else has the account, which is then the caller's until it gives it back.
  func take(_ account: String, _ work: @escaping () -> Void) {
    guard held.insert(account).inserted else { return waiting.append((account, work)) }
    work()
  }

  func giveBack(_ account: String) {
    guard let position = waiting.firstIndex(where: { $0.account == account }) else {
      held.remove(account)
      return
    }
    waiting.remove(at: position).work()
  }
}
