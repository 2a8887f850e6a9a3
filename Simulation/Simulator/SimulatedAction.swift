/// An action of simulated clusters, as its entry in the registry; what is not named is alike in all of them.
struct SimulatedAction {
  var name: String
  var description: String
  var image = "sha256:" + String(repeating: "0", count: 64)
  var scopes = ["text"]
  var impact = "low"
  /// Dollars that a run is held to cost, and the most that it may.
  var estimate = "0.01"
  var most = "0.01"
  var retries = 1
  var perMinute = 6000
  var egress: [String] = []
  /// Further members, each with its comma.
  var more: [String] = []

  /// The entry's JSON.
  var text: String {
    func list(_ texts: [String]) -> String { texts.map { "\"\($0)\"" }.joined(separator: ",") }
    return """
        {"name":"\(name)","version":"1","description":"\(description)","parameters_schema":
          {"type":"object","properties":{"text":{"type":"string"}},"required":["text"],"additionalProperties":false},
         "image":"\(image)",
         "arguments":["/action","\(name)"],"scopes":[\(list(scopes))],
         "risk":{"impact_level":"\(impact)","data_classification":"internal","estimated_cost_usd":"\(estimate)"},
         "maximum_cost_usd":"\(most)","max_retries":\(retries),"rate_limit_per_min":\(perMinute),
         "limits":{"wall_seconds":10,"memory_mib":64,"processes":8,"output_bytes":65536,"disk_mib":16},
         \(more.map { $0 + "\n   " }.joined())"isolation_class":"microvm-tcg","egress":[\(list(egress))],"token_seconds":15}
      """
  }
}
