enum Bench { static let commands: [Command] = [] }
