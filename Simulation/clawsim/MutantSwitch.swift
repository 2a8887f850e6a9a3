#if SIMULATION
import Mutants
#endif

/// Turns one mutant on, in the build that has any.
enum MutantSwitch {
  static func turnOn(_ name: String?) throws {
    guard let name else { return }
    #if SIMULATION
    guard let mutant = Mutant(rawValue: name) else {
      throw UsageError(message: "there is no mutant \(name); clawsim mutants --list names them")
    }
    Mutant.active = mutant
    #else
    throw UsageError(message: MutantSwitch.explanation)
    #endif
  }

  /// No mutant is active any more: the next run is the program's own.
  static func turnOff() {
    #if SIMULATION
    Mutant.active = nil
    #endif
  }

  static let explanation =
    "this build has no mutants: swift build -c release --product clawsim --traits Simulation --scratch-path .build/simulation"
}
