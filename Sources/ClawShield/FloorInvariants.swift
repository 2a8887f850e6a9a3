/// What the floor holds whatever a policy says, for those who write policies.
public struct FloorInvariant: Sendable {
  /// Its number among the requirements.
  public let id: String
  /// What the floor does about it.
  public let floor: String
  /// Members of the input by which a policy could demand more; empty where none could.
  public let members: [String]

  /// All of them, by number.
  public static let all = [
    FloorInvariant(
      id: "INV-002", floor: "neither an agent nor its owner approves its own proposal", members: []),
    FloorInvariant(
      id: "INV-005", floor: "an action that is not in the registry is denied", members: []),
    FloorInvariant(
      id: "INV-006", floor: "exactly the scopes of the action, within the agent's grant", members: ["scopes"]),
    FloorInvariant(
      id: "INV-008", floor: "the agent's own tenant, and inputs of its own workspace",
      members: ["tenant_id", "workspace_id"]),
    FloorInvariant(id: "INV-012", floor: "no action starts a raw shell", members: []),
    FloorInvariant(
      id: "INV-013",
      floor:
        "outside text in an action of high impact needs a person; no parameters with text that people do not see",
      members: ["input_labels"]),
    FloorInvariant(id: "INV-017", floor: "a token lives fifteen minutes at most, and once", members: []),
    FloorInvariant(
      id: "INV-019",
      floor: "nothing: people are asked where the registry's approval rules or the policy say so",
      members: ["action", "declared_risk", "definition", "risk"]),
    FloorInvariant(
      id: "INV-021", floor: "the registry's breakers: cost, proposals and repeats a minute, depth",
      members: ["depth", "risk"]),
  ]
}
