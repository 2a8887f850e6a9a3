import Images

/// How a WebAssembly module runs in a machine: by the interpreter that `Deploy/images/build` put into an archive of its
/// own, `wasm.cpio`, which is booted between the guest's and the module's. Decision 025.
enum WasmRuntime {
  /// Where that archive has its files. The loader is called by its path, so that nothing depends on where a
  /// distribution keeps one.
  private static let loader = "/wasm/loader"
  private static let libraries = "/wasm/lib"
  private static let interpreter = "/wasm/wasmkit"
  /// Where the module lies, as in an image for shims: a bundle names it as the program.
  static let module = "/" + WasmImage.fileName

  /// Address space that the interpreter takes beside its files, which it maps: 10 MiB were measured.
  static let ownMiB = 24

  /// What is executed in place of the action's arguments, of which the first is the module. The module reads the run's
  /// inputs where there are any, writes to `/tmp`, and is given no other folder and no environment.
  static func arguments(_ given: [String], hasInputs: Bool) throws(SandboxError) -> [String] {
    guard given.first == module else {
      throw .unfit(
        path: given.first ?? "",
        "expected \(module) as the first argument: the image is a WebAssembly module")
    }
    let folders = (hasInputs ? ["/inputs"] : []) + ["/tmp"]
    return [loader, "--library-path", libraries, interpreter, "run"] + folders.flatMap { ["--dir", $0] }
      + [module] + given.dropFirst()
  }

  /// What the interpreter's own files and data take of its address space, in bytes, so that the action's limit is left
  /// to the module.
  static func ownBytes(archive: Int) -> Int { archive + (ownMiB << 20) }
}
