import Glibc

/// A block of users of this host that no other program of this kind has while this one lives: executors on one host
/// share the range that operators keep free, and never a user.
final class UserBlock {
  /// The first of the block's users.
  let first: UInt32
  private let lock: Int32

  /// Users of one block.
  static let count: UInt32 = 4_096
  /// Blocks of one range.
  static let blocks: UInt32 = 16
  private static let folder = "/run/openexec-users"

  /// Takes the first free block of the range that begins at `base`; the kernel gives it back when this program ends.
  init(from base: UInt32) throws(SandboxError) {
    try Folders.makeAll(UserBlock.folder, mode: 0o700)
    for block in 0..<UserBlock.blocks {
      let first = base + block * UserBlock.count
      let path = "\(UserBlock.folder)/\(first)"
      let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
      guard descriptor >= 0 else { throw Folders.failure(path, "open") }
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 {
        (self.first, lock) = (first, descriptor)
        return
      }
      close(descriptor)
    }
    throw .tooLarge("\(UserBlock.blocks) executors run on this host already; no users are free for another")
  }

  deinit { close(lock) }
}

/// Users of a block, one at a time: who has one has it alone.
struct UserPool {
  private let first: UInt32
  private let count: UInt32
  private var next: UInt32 = 0
  private var taken: Set<UInt32> = []

  /// The users from `first` on.
  init(first: UInt32, count: UInt32) { (self.first, self.count) = (first, count) }

  /// The user that was given back longest ago, or never had; nil where all are taken.
  mutating func take() -> UInt32? {
    for _ in 0..<count {
      let user = first + next
      next = (next + 1) % count
      if taken.insert(user).inserted { return user }
    }
    return nil
  }

  mutating func giveBack(_ user: UInt32) { taken.remove(user) }
}
