import CSystem
import Crypto
import Glibc
import Wire

/// The guest's side of Docs/Protocol/guest.proto.
///
/// What the action writes is read only while the channel takes it: a reader that is slow on the other
/// side makes the action wait, and nothing piles up here.
struct Conversation {
  private let surroundings: Surroundings
  private var decoder = FrameDecoder(limit: GuestFrame.executorLimit)
  /// On its way out. At most one frame more than `highWater`.
  private var outgoing: [UInt8] = []
  private var sent = 0
  private static let highWater = 64 << 10
  /// Where the action may reach the executor's proxy.
  private var forwarder: Forwarder?

  init(_ surroundings: Surroundings) { self.surroundings = surroundings }

  mutating func hold() throws(GuestFailure) {
    let hello = try Conversation.hello()
    queue(.hello(hello))
    let run = try awaitRun()
    try takeInputs(of: run)
    try SecretFolder.fill(run.secrets)
    let statement = GuestStarted.statement(
      challenge: Hex.encode(run.challenge), kernel: hello.kernel, bootID: hello.bootID)
    queue(.started(GuestStarted(answer: SHA256.hash(statement).bytes)))
    queue(.done(try carryOut(run)))
    try flush()
    awaitEnd()
    surroundings.end()
  }

  private static func hello() throws(GuestFailure) -> GuestHello {
    var names = utsname()
    uname(&names)
    let kernel = withUnsafeBytes(of: &names.release) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    let descriptor = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system("open the boot id", errno) }
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 64)
    let count = read(descriptor, &text, text.count)
    guard count > 0 else { throw .system("read the boot id", errno) }
    let id = String(decoding: text[..<count].prefix { $0 > 0x20 }, as: UTF8.self)
    return GuestHello(kernel: kernel, bootID: id)
  }

  // MARK: The action

  private mutating func carryOut(_ run: GuestRun) throws(GuestFailure) -> GuestDone {
    try surroundings.limitDisk(to: run.diskBytes - InputFolder.size(of: run))
    forwarder = run.hasProxy ? try Forwarder() : nil
    defer { forwarder?.end() }
    var action: ActionProcess
    do throws(GuestFailure) {
      action = try ActionProcess(run)
    } catch {
      var done = GuestDone()
      done.failure = String("\(error)".prefix(512))
      return done
    }
    var input = run.parameters[...]
    var ending: GuestDone?
    while true {
      try poll(action, wantsInput: !input.isEmpty, isRunning: ending == nil)
      feed(&action, &input)
      if outgoing.count - sent < Conversation.highWater {
        action.output = forward(action.output, .output)
        action.error = forward(action.error, .error)
      }
      try exchange()
      try send()
      if ending == nil, let ended = action.reap() {
        ending = ended
        // What it left behind would keep its output open, and must not outlive it.
        action.sweep()
      }
      if var done = ending, action.output < 0, action.error < 0 {
        (done.processorNanoseconds, done.residentBytes) = ActionProcess.usage()
        return done
      }
    }
  }

  /// Waits for anything to do.
  private func poll(
    _ action: ActionProcess, wantsInput: Bool, isRunning: Bool
  ) throws(GuestFailure) {
    var entries: [pollfd] = []
    let blocked = outgoing.count - sent >= Conversation.highWater
    if !blocked {
      for descriptor in [action.output, action.error] where descriptor >= 0 {
        entries.append(pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0))
      }
    }
    if wantsInput, action.input >= 0 {
      entries.append(pollfd(fd: action.input, events: Int16(POLLOUT), revents: 0))
    }
    if isRunning { entries.append(pollfd(fd: action.handle, events: Int16(POLLIN), revents: 0)) }
    if outgoing.count > sent {
      entries.append(pollfd(fd: surroundings.output, events: Int16(POLLOUT), revents: 0))
    }
    if let forwarder {
      entries.append(pollfd(fd: surroundings.input, events: Int16(POLLIN), revents: 0))
      entries += forwarder.entries
    }
    guard Glibc.poll(&entries, nfds_t(entries.count), 1_000) >= 0 || errno == EINTR else {
      throw .system("poll", errno)
    }
  }

  private func feed(_ action: inout ActionProcess, _ input: inout ArraySlice<UInt8>) {
    guard action.input >= 0 else { return }
    if !input.isEmpty {
      let count = input.withUnsafeBytes { csystem_write(action.input, $0.baseAddress, $0.count) }
      if count > 0 { input.removeFirst(count) }
      // A program that does not read its input is free to end without it.
      if count < 0, count != -Int(EAGAIN) { input = [] }
    }
    if input.isEmpty {
      close(action.input)
      action.input = -1
    }
  }

  /// Passes on what there is to read; −1 at its end.
  private mutating func forward(_ descriptor: Int32, _ stream: GuestOutput.Stream) -> Int32 {
    guard descriptor >= 0 else { return descriptor }
    var bytes = [UInt8](repeating: 0, count: GuestFrame.maximumOutputCount)
    let count = csystem_read(descriptor, &bytes, bytes.count)
    if count > 0 { queue(.output(GuestOutput(stream, Array(bytes[..<count])))) }
    if count > 0 || count == -Int(EAGAIN) { return descriptor }
    close(descriptor)
    return -1
  }

  /// Moves what there is between the programs' connections and the channel. Streams have their turn after the
  /// action's output has had its own, and at most as much of the channel.
  private mutating func exchange() throws(GuestFailure) {
    guard forwarder != nil else { return }
    while let kind = try readFrame() {
      guard case .stream(let frame) = kind else { throw .protocolViolation("expected a stream's frame") }
      try forwarder?.take(frame)
    }
    forwarder?.serve()
    while outgoing.count - sent < 2 * Conversation.highWater, let frame = forwarder?.nextFrame() {
      queue(.stream(frame))
    }
  }

  // MARK: The channel

  private mutating func queue(_ kind: GuestFrame.Kind) {
    if sent == outgoing.count {
      outgoing.removeAll(keepingCapacity: true)
      sent = 0
    }
    outgoing.append(contentsOf: GuestFrame(kind).framed)
  }

  private mutating func send() throws(GuestFailure) {
    while sent < outgoing.count {
      let count = outgoing.withUnsafeBytes { bytes in
        csystem_write(surroundings.output, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
      }
      if count == -Int(EAGAIN) { return }
      guard count > 0 else { throw .channelClosed }
      sent += count
    }
  }

  private mutating func flush() throws(GuestFailure) {
    while sent < outgoing.count {
      try send()
      if sent < outgoing.count { try wait(for: POLLOUT, milliseconds: -1) }
    }
  }

  private mutating func awaitRun() throws(GuestFailure) -> GuestRun {
    try flush()
    try takeRequest()
    guard case .run(let run) = try nextFrame() else {
      throw .protocolViolation("expected what to run")
    }
    return run
  }

  /// A machine whose time is counted was made with its request: what comes over the channel comes at another time in each
  /// run.
  private mutating func takeRequest() throws(GuestFailure) {
    let path = "/request"
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    // The action has no business with it.
    guard unlink(path) == 0 else { throw .system("remove \(path)", errno) }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = csystem_read(descriptor, &bytes, bytes.count)
      guard count >= 0 else { throw .system("read \(path)", Int32(-count)) }
      if count == 0 { return }
      decoder.append(Array(bytes[..<count]))
    }
  }

  /// Everything that the action may read is here before the executor is told that it starts.
  private mutating func takeInputs(of run: GuestRun) throws(GuestFailure) {
    var folder = try InputFolder(run, in: surroundings)
    while !folder.isWhole {
      guard case .input(let piece) = try nextFrame() else {
        throw .protocolViolation("expected a piece of the inputs")
      }
      try folder.take(piece.bytes)
    }
    try folder.seal()
  }

  /// Waits for what the executor says next.
  private mutating func nextFrame() throws(GuestFailure) -> GuestFrame.Kind {
    while true {
      if let kind = try readFrame() { return kind }
      try wait(for: POLLIN, milliseconds: -1)
    }
  }

  /// What the executor has said; nil where no whole frame is here.
  private mutating func readFrame() throws(GuestFailure) -> GuestFrame.Kind? {
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      do {
        if let content = try decoder.next() {
          guard let kind = try GuestFrame(decoding: content).kind else {
            throw GuestFailure.protocolViolation("a frame of no kind")
          }
          return kind
        }
      } catch {
        throw .protocolViolation("\(error)")
      }
      let count = csystem_read(surroundings.input, &bytes, bytes.count)
      if count == -Int(EAGAIN) { return nil }
      guard count > 0 else { throw .channelClosed }
      decoder.append(Array(bytes[..<count]))
    }
  }

  /// The executor ends the machine once it has read everything. It is not waited for without end, yet long enough for one
  /// that is slow to read: what has not left the machine is lost with it.
  private func awaitEnd() {
    var byte: UInt8 = 0
    let deadline = csystem_monotonic_ns() + 60_000_000_000
    while csystem_monotonic_ns() < deadline {
      guard (try? wait(for: POLLIN, milliseconds: 200)) != nil else { return }
      let count = csystem_read(surroundings.input, &byte, 1)
      if count == 0 { return }
    }
  }

  private func wait(for events: Int32, milliseconds: Int32) throws(GuestFailure) {
    let descriptor = events == POLLIN ? surroundings.input : surroundings.output
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    guard Glibc.poll(&entry, 1, milliseconds) >= 0 || errno == EINTR else {
      throw .system("poll", errno)
    }
  }
}
