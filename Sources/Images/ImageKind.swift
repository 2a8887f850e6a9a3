/// What an image is made of, which decides what can run it.
public enum ImageKind: String, Sendable, CaseIterable {
  /// Layers of files for a Linux of this machine.
  case container
  /// One WebAssembly module (the CNCF's "Wasm OCI Artifact layout").
  case wasm
}

/// The media types and names by which images of WebAssembly modules are told from others.
public enum WasmImage {
  /// Of the configuration; what says that an image is a module.
  static let configuration = "application/vnd.wasm.config.v0+json"
  /// Of the one layer, which is the module itself.
  static let layer = "application/wasm"
  /// The `architecture` and the `os` that a configuration names: WASI preview 1.
  static let architecture = "wasm"
  static let system = "wasip1"
  /// The name of the module's file, once it is unpacked.
  public static let fileName = "module.wasm"
  /// Longest module, in bytes: it lies in the memory of what runs it.
  public static let longestModule = 64 << 20
}
