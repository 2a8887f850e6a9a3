/// A run as one page that needs nothing else: a lane for each node, what it was and how far it was final, messages
/// between lanes, faults, executions; from the failure a click leads to what happened just before it.
public struct HTMLReport {
  private let scenario: Scenario
  private let result: ScenarioResult
  private let timeline: Timeline
  private let nodes: Int
  private let end: UInt64

  /// A page about one run.
  public init(scenario: Scenario, result: ScenarioResult, timeline: Timeline) {
    self.scenario = scenario
    self.result = result
    self.timeline = timeline
    nodes = scenario.schedule.conditions.nodes
    let last = result.run.violation == nil ? result.run.simulated : result.run.violatedAt
    end = max(1_000_000, last)
  }

  private static func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
      .replacing("\"", with: "&quot;")
  }

  /// For a script: a JSON string that cannot end the script.
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "<": out += "\\u003c"
      case _ where scalar.value < 0x20: out += " "
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }

  private var verdict: String {
    let run = result.run
    if let violation = run.violation {
      return "violated: \(run.oracle ?? ""): \(violation)"
    }
    if !run.isLive { return "not live: " + run.unsettled.joined(separator: "; ") }
    return result.objections.isEmpty
      ? "clean" : "not as expected: " + result.objections.joined(separator: "; ")
  }

  /// Events as rows of a JSON array: time in microseconds, kind, node, text.
  private var events: String {
    var rows: [String] = []
    for (at, event) in timeline.events {
      let time = at / 1_000
      switch event {
      case .state(let node, let role, let term, let log, let committed, let final):
        rows.append(
          "[\(time),\"s\",\(node),\(Self.quoted(role ?? "down")),\(term),\(log),\(committed),\(final)]")
      case .fault(let what): rows.append("[\(time),\"f\",0,\(Self.quoted(what))]")
      case .faultEnded(let what): rows.append("[\(time),\"e\",0,\(Self.quoted(what))]")
      case .notice(let node, let what):
        rows.append("[\(time),\"n\",\(node),\(Self.quoted(String(what.prefix(300))))]")
      case .execution(let executor, let what):
        rows.append("[\(time),\"x\",0,\(Self.quoted("\(executor): \(what)"))]")
      case .healed: rows.append("[\(time),\"h\",0,\"everything heals\"]")
      }
    }
    if result.run.violation != nil {
      rows.append("[\(result.run.violatedAt / 1_000),\"v\",0,\(Self.quoted(verdict))]")
    }
    return "[" + rows.joined(separator: ",\n") + "]"
  }

  private var messages: String {
    "["
      + timeline.messages.map { message in
        let arrived = message.arrived.map { "\($0 / 1_000)" } ?? "null"
        return
          "[\(message.from),\(message.to),\(message.sent / 1_000),\(arrived),\(Self.quoted(message.kind))]"
      }.joined(separator: ",") + "]"
  }

  /// The page.
  public var text: String {
    let counters = { (counts: [(name: String, count: UInt64)]) in
      counts.map { "<tr><td>\(Self.escaped($0.name))</td><td>\($0.count)</td></tr>" }.joined()
    }
    let failure =
      result.run.violation == nil
      ? "" : " <a href=\"#\" id=\"cause\">show what led to it</a>"
    return """
      <!doctype html>
      <html lang="en"><head><meta charset="utf-8"><title>clawsim \(Self.escaped(scenario.name))</title>
      <style>\(ReportPage.style)</style></head><body>
      <h1>\(Self.escaped(scenario.name))</h1>
      <p class="why">\(Self.escaped(scenario.why))</p>
      <p class="\(result.isGreen ? "good" : "bad")">\(Self.escaped(verdict))\(failure)</p>
      <p>\(result.run.simulated / 1_000_000) simulated ms, final size \(result.run.finalSize), proposed
      \(result.run.proposed), executed \(result.run.executions), seed \(scenario.schedule.conditions.seed)</p>
      <div class="tools"><button id="in">zoom in</button> <button id="out">zoom out</button>
      <button id="all">everything</button> <label><input type="checkbox" id="msgs"> messages</label> &#160; <span id="span"></span></div>
      <div class="legend"><span class="k leader"></span> leader <span class="k follower"></span> follower
      <span class="k candidate"></span> candidate <span class="k down"></span> down
      <span class="k fault"></span> fault <span class="k act"></span> what agents and approvers do
      <span class="k run"></span> execution; the line in a lane: what is final; a click in the picture zooms in</div>
      <svg id="view" width="1200" height="10"></svg>
      <h2>What happened here</h2><table id="list"></table>
      <details><summary>The schedule</summary><pre>\(Self.escaped(scenario.text))</pre></details>
      <details><summary>Oracles and faults</summary><table>\(counters(result.run.evaluations))</table>
      <table>\(counters(result.run.faults))</table></details>
      <script>
      const N=\(nodes), END=\(end / 1_000), BAD=\(result.run.violation == nil ? "null" : "\(result.run.violatedAt / 1_000)");
      const E=\(events);
      const M=\(messages);
      \(ReportPage.script)
      </script></body></html>

      """
  }
}
