import Images
import Records

/// What a host of shims is made of.
public struct ShimSettings: Sendable {
  /// A runtime by containerd's name, or its shim's path, and the runtime's own configuration where it takes one.
  public struct Runtime: Equatable, Sendable {
    public var name: String
    /// A file, for runtimes that are told of one (Kata).
    public var configuration: String?
    /// How it is given a root.
    public var root: RootForm

    /// A runtime.
    public init(_ name: String, configuration: String? = nil, root: RootForm = .folder) {
      self.name = name
      self.configuration = configuration
      self.root = root
    }
  }

  /// What a runtime is given of an image.
  public enum RootForm: String, Sendable, CaseIterable {
    /// A folder of the host, which a hypervisor has to share with its guest.
    case folder
    /// A block device that can only be read, with a file system of its own: nothing of the host is shared.
    case block
  }

  /// What `Deploy/images/build` wrote, with the library of OCI images in its folder `oci`.
  public var images: String
  /// The executor's own folder for what does not outlive it. Every folder above it can be passed through by anyone,
  /// since a container's root is nobody on the host; by convention below /run.
  public var folder: String
  /// Where roots are unpacked; nobody else may read it.
  public var roots: String
  public var container = Runtime("io.containerd.runc.v2")
  public var kata = Runtime("io.containerd.kata.v2")
  /// Of WebAssembly modules in class `container`; nil for one of those known that is installed.
  public var wasm: Runtime?
  /// Whose statement each image must have.
  public var signers = DemandedSigners()
  /// Of the tasks, as containerd has namespaces.
  public var namespace = "openexec"
  /// The first of the users that containers run as, two each: `UserBlock.count` × `UserBlock.blocks` of them, of which
  /// this executor takes a block. Nothing else on the host may have one of them.
  public var firstUser: UInt32 = 3_000_000
  /// How long a task may take to its guest's first word.
  public var bootSeconds: Int64 = 60
  /// Seconds that each call to a shim may take. A wait lasts as long as the run may.
  struct Deadlines: Equatable, Sendable {
    var launch: Int64 = 20
    /// A virtual machine boots in it.
    var create: Int64 = 60
    var start: Int64 = 30
    var brief: Int64 = 10
  }

  var deadlines = Deadlines()
  /// Most memory that one task gets.
  public var maximumMemoryMiB = 8_192
  /// Most tasks at once.
  public var maximumTasks = 8

  /// Standard settings.
  public init(images: String, folder: String, roots: String) {
    self.images = images
    self.folder = folder
    self.roots = roots
  }

  func runtime(of isolationClass: IsolationClass) -> Runtime? {
    switch isolationClass {
    case .container: container
    case .kata: kata
    case .microvmKVM, .microvmTCG: nil
    }
  }
}
