enum PartyCommands { static let all: [Command] = [] }
enum IdentityCommands { static let all: [Command] = [] }
enum ApprovalCommands { static let all: [Command] = [] }
enum IncidentCommands { static let all: [Command] = [] }
enum EnrolmentCommands { static let all: [Command] = [] }
enum ArtifactCommands { static let all: [Command] = [] }
enum Bench { static let commands: [Command] = [] }
