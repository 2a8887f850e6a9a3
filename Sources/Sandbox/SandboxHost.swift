import OpenExec
import Records
import Wire

/// What a host tells of a run.
public enum SandboxEvent: Sendable {
  /// The guest is up and has proven itself.
  case started(RunID)
  /// Nothing is left of the sandbox. Told once for every start.
  case finished(RunID, RunOutcome)
}

/// An image of a host, and what can run it there.
public struct HostImage: Equatable, Sendable {
  /// `sha256:<hex>`.
  public let digest: String
  /// `archive` for one of microVMs, or what an OCI image is made of.
  public let kind: String
  /// Strongest first.
  public let classes: [IsolationClass]
}

/// Where runs of some isolation classes are carried out. Confined to its loop.
public protocol SandboxHost: AnyObject {
  /// Those that it is for, whether they are active here or not.
  var classes: [IsolationClass] { get }
  /// Sandboxes that run, or are on their way out.
  var running: Int { get }
  /// Starts a run. `tell` is called on the loop, later, and for `finished` exactly once, whatever happens.
  func start(_ order: RunOrder, _ tell: @escaping (SandboxEvent) -> Void)
  /// Ends a run; its `finished` follows.
  func kill(_ run: RunID)
  /// Ends every run; each `finished` follows.
  func killAll()
  /// The images that are installed for it, each with the classes that can run it: none where something is missing.
  var images: [HostImage] { get }
  /// Finds out what is active, by trying it.
  func preflight(_ done: @escaping (PreflightReport) -> Void)
}

/// The hosts of one executor: each order runs on the one of its class.
public final class SandboxHosts {
  private let hosts: [any SandboxHost]

  /// Hosts of distinct classes.
  public init(_ hosts: [any SandboxHost]) {
    let classes = hosts.flatMap(\.classes)
    precondition(Set(classes).count == classes.count, "each class has one host")
    self.hosts = hosts
  }

  public var running: Int { hosts.reduce(0) { $0 + $1.running } }

  /// Starts a run; false where no host is for its class, and then nothing is told.
  public func start(_ order: RunOrder, _ tell: @escaping (SandboxEvent) -> Void) -> Bool {
    guard let host = hosts.first(where: { $0.classes.contains(order.isolationClass) }) else { return false }
    host.start(order, tell)
    return true
  }

  /// Ends a run, wherever it is.
  public func kill(_ run: RunID) {
    for host in hosts { host.kill(run) }
  }

  public func killAll() {
    for host in hosts { host.killAll() }
  }

  /// The images of all hosts, by digest; what can run one is together what the hosts say of it.
  public var images: [HostImage] {
    var found: [String: HostImage] = [:]
    for image in hosts.flatMap(\.images) {
      let classes = (found[image.digest]?.classes ?? []) + image.classes
      found[image.digest] = HostImage(
        digest: image.digest, kind: image.kind, classes: classes.sorted(by: >))
    }
    return found.values.sorted { $0.digest < $1.digest }
  }

  /// What an executor is told of the images.
  public var imageClasses: ImageClasses {
    var found = ImageClasses()
    for image in images { found.insert(image.digest, image.classes) }
    return found
  }

  /// Asks one host after the other.
  public func preflight(_ done: @escaping (PreflightReport) -> Void) {
    ask(hosts[...], PreflightReport.none, done)
  }

  private func ask(
    _ rest: ArraySlice<any SandboxHost>, _ found: PreflightReport, _ done: @escaping (PreflightReport) -> Void
  ) {
    guard let host = rest.first else { return done(found) }
    host.preflight { [self] report in ask(rest.dropFirst(), found.joined(report), done) }
  }
}

extension GuestRun {
  /// What a guest is told of an order.
  init(_ order: RunOrder) throws(SandboxError) {
    self.init()
    challenge = order.challenge
    arguments = order.arguments
    parameters = order.parameters
    memoryBytes = UInt64(order.limits.memoryMiB) << 20
    processes = UInt32(clamping: order.limits.processes)
    diskBytes = UInt64(order.limits.diskMiB) << 20
    inputs = order.inputs.enumerated().map { position, input in
      GuestInput(
        name: input.fileName(at: position), size: UInt64(input.content.count), digest: input.digest.bytes)
    }
    let inputBytes = order.inputs.reduce(0) { $0 + $1.content.count }
    guard order.inputs.count <= GuestRun.maximumInputs, inputBytes <= order.limits.diskMiB << 19 else {
      throw .tooLarge(
        "expected at most \(GuestRun.maximumInputs) inputs of half the disk, "
          + "found \(order.inputs.count) of \(inputBytes) bytes")
    }
    guard GuestFrame(.run(self)).framed.count <= GuestFrame.executorLimit else {
      throw .tooLarge("arguments and parameters are longer than \(GuestFrame.executorLimit) bytes")
    }
  }
}
