import Records

/// Which classes can run which of a host's images: an archive of microVMs boots in a microVM, a container's image in
/// a shim, a WebAssembly module where there is something that runs it. The strongest class that an executor offers is
/// of no use to an image that it cannot run.
public struct ImageClasses: Equatable, Sendable {
  /// By digest, `sha256:<hex>`. Looked up, never gone through.
  private var classes: [String: Set<IsolationClass>] = [:]

  /// Of no image anything is known.
  public init() {}

  /// Adds what can run an image.
  public mutating func insert(_ image: String, _ able: some Sequence<IsolationClass>) {
    classes[image, default: []].formUnion(able)
  }

  /// Whether a class can run an image. Of an image that is not known everything can: the sandbox then says that it is
  /// not installed, or finds one that has come since.
  public func canRun(_ image: String, in isolationClass: IsolationClass) -> Bool {
    classes[image]?.contains(isolationClass) ?? true
  }
}
