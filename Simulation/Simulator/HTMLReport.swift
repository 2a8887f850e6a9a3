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
      <style>\(Self.style)</style></head><body>
      <h1>\(Self.escaped(scenario.name))</h1>
      <p class="why">\(Self.escaped(scenario.why))</p>
      <p class="\(result.isGreen ? "good" : "bad")">\(Self.escaped(verdict))\(failure)</p>
      <p>\(result.run.simulated / 1_000_000) simulated ms, final size \(result.run.finalSize), proposed
      \(result.run.proposed), executed \(result.run.executions), seed \(scenario.schedule.conditions.seed)</p>
      <div class="tools"><button id="in">zoom in</button> <button id="out">zoom out</button>
      <button id="all">everything</button> <label><input type="checkbox" id="msgs"> messages</label>
      <span id="span"></span></div>
      <div class="legend"><span class="k leader"></span> leader <span class="k follower"></span> follower
      <span class="k candidate"></span> candidate <span class="k down"></span> down
      <span class="k fault"></span> fault <span class="k run"></span> execution; the line in a lane: what is final</div>
      <svg id="view" width="1200" height="10"></svg>
      <h2>What happened here</h2><table id="list"></table>
      <details><summary>The schedule</summary><pre>\(Self.escaped(scenario.text))</pre></details>
      <details><summary>Oracles and faults</summary><table>\(counters(result.run.evaluations))</table>
      <table>\(counters(result.run.faults))</table></details>
      <script>
      const N=\(nodes), END=\(end / 1_000), BAD=\(result.run.violation == nil ? "null" : "\(result.run.violatedAt / 1_000)");
      const E=\(events);
      const M=\(messages);
      \(Self.script)
      </script></body></html>

      """
  }

  private static let style = """
    body{font:14px/1.4 system-ui,sans-serif;margin:1.5em;max-width:1250px;color:#222}
    h1{font-size:1.4em;margin:0}.why{color:#555;margin:.2em 0}.good{color:#17692b;font-weight:600}
    .bad{color:#a11;font-weight:600}.tools{margin:.5em 0}.legend{font-size:12px;color:#444}
    .k{display:inline-block;width:12px;height:12px;margin:0 3px 0 10px;vertical-align:-1px}
    .leader{background:#2a6fdb;fill:#2a6fdb}.follower{background:#b9cdea;fill:#b9cdea}
    .candidate{background:#e8a838;fill:#e8a838}.down{background:#444;fill:#444}
    .fault{background:#e07a7a;fill:#e07a7a}.run{background:#3a9a5b;fill:#3a9a5b}
    table{border-collapse:collapse;font-size:12px;margin:.4em 0}td{padding:1px 8px;border-bottom:1px solid #eee}
    tr.bad td{background:#fdd}svg{border:1px solid #ddd;background:#fff}pre{font-size:12px}
    """

  private static let script = """
    let from=0,to=END,show=false;
    const svg=document.getElementById('view'),W=1200,L=70,H=34;
    const faults=[];{const open={};for(const e of E){if(e[1]=='f')(open[e[3]]=open[e[3]]||[]).push(e[0]);
    if(e[1]=='e'&&open[e[3]]&&open[e[3]].length)faults.push([open[e[3]].shift(),e[0],e[3]]);}
    for(const k in open)for(const t of open[k])faults.push([t,/ for /.test(k)?END:t,k]);faults.sort((a,b)=>a[0]-b[0]);}
    const shown=faults.filter(f=>!/^(agent|approver) /.test(f[2]));
    function x(t){return L+(t-from)/(to-from)*(W-L-10)}
    function el(n,a,t){const e=document.createElementNS('http://www.w3.org/2000/svg',n);for(const k in a)e.setAttribute(k,a[k]);
    if(t!=null){const c=document.createElementNS(e.namespaceURI,n=='text'?'tspan':'title');c.textContent=t;e.appendChild(c)}svg.appendChild(e);return e}
    function draw(){svg.textContent='';const rows=Math.min(shown.length,14),top=24+rows*11,height=top+N*H+44;
    svg.setAttribute('height',height);document.getElementById('span').textContent=(from/1000).toFixed(1)+' ms to '+(to/1000).toFixed(1)+' ms';
    const step=Math.pow(10,Math.floor(Math.log10((to-from)/4)));for(let t=Math.ceil(from/step)*step;t<=to;t+=step){
    el('line',{x1:x(t),x2:x(t),y1:14,y2:height-16,stroke:'#eee'});el('text',{x:x(t)+2,y:11,'font-size':9,fill:'#777'},t>=1e6?(t/1e6)+' s':(t/1e3)+' ms')}
    let r=0;for(const f of shown){if(f[1]<from||f[0]>to)continue;const a=Math.max(L,x(f[0])),b=Math.min(W-10,x(f[1]));
    const y=18+(r++%Math.max(1,rows))*11;el('rect',{x:a,y:y,width:Math.max(2,b-a),height:9,class:'fault',opacity:.55},f[2]);
    if(b-a>60)el('text',{x:a+3,y:y+8,'font-size':9},f[2].slice(0,Math.floor((b-a)/5)))}
    const most=Math.max(1,...E.filter(e=>e[1]=='s').map(e=>e[7]));
    for(let n=1;n<=N;n++){const y=top+(n-1)*H;el('text',{x:6,y:y+20,'font-size':12},'node '+n);let last=null;
    const own=E.filter(e=>e[1]=='s'&&e[2]==n);for(let i=0;i<own.length;i++){const e=own[i],end=i+1<own.length?own[i+1][0]:END;
    if(end<from||e[0]>to)continue;const a=Math.max(L,x(e[0])),b=Math.min(W-10,x(end));
    const c=e[3]=='leader'?'leader':e[3]=='down'?'down':e[3]=='follower'?'follower':'candidate';
    el('rect',{x:a,y:y+3,width:Math.max(.6,b-a),height:H-8,class:c},(e[0]/1000).toFixed(1)+' ms: '+e[3]+', term '+e[4]+', log '+e[5]+', committed '+e[6]+', final '+e[7]);
    const fy=y+H-6-(e[7]/most)*(H-12);if(last!=null)el('line',{x1:a,x2:a,y1:last,y2:fy,stroke:'#123'});
    el('line',{x1:a,x2:b,y1:fy,y2:fy,stroke:'#123'});last=fy;
    if(b-a>34)el('text',{x:a+3,y:y+14,'font-size':9,fill:c=='leader'||c=='down'?'#fff':'#234'},'t'+e[4]+' f'+e[7])}}
    for(const e of E){if(e[0]<from||e[0]>to)continue;const y=top+N*H+4;
    if(e[1]=='x')el('rect',{x:x(e[0])-2,y:y,width:4,height:12,class:'run'},(e[0]/1000).toFixed(1)+' ms: '+e[3]);
    if(e[1]=='h')el('line',{x1:x(e[0]),x2:x(e[0]),y1:14,y2:height-4,stroke:'#3a9a5b','stroke-dasharray':'4 3'},e[3]);
    if(e[1]=='v'){el('line',{x1:x(e[0]),x2:x(e[0]),y1:14,y2:height-4,stroke:'#a11','stroke-width':2},e[3]);}}
    el('text',{x:6,y:top+N*H+14,'font-size':11},'executors');
    if(show){let c=0;for(const m of M){if(m[2]<from||m[2]>to||c++>4000)continue;const ya=top+(m[0]-1)*H+H/2,yb=top+(m[1]-1)*H+H/2;
    const gone=m[3]==null;el('line',{x1:x(m[2]),x2:x(gone?m[2]:m[3])+1,y1:ya,y2:gone?(ya+yb)/2:yb,stroke:gone?'#c33':'#777','stroke-width':.7,opacity:.7},(m[2]/1000).toFixed(2)+' ms: '+m[0]+' to '+m[1]+': '+m[4]+(gone?', lost':''))}}
    list()}
    function list(){const t=document.getElementById('list');t.textContent='';let c=0;
    for(const e of E){if(e[0]<from||e[0]>to||c++>400)continue;const r=t.insertRow();if(e[1]=='v')r.className='bad';
    r.insertCell().textContent=(e[0]/1000).toFixed(1)+' ms';r.insertCell().textContent=e[2]?'node '+e[2]:'';
    r.insertCell().textContent=e[1]=='s'?e[3]+', term '+e[4]+', log '+e[5]+', committed '+e[6]+', final '+e[7]:(e[1]=='e'?'over: ':'')+e[3]}}
    function zoom(f,c){const w=Math.max(1000,(to-from)*f),m=c==null?(from+to)/2:c;from=Math.max(0,m-w/2);to=Math.min(END,from+w);draw()}
    document.getElementById('in').onclick=()=>zoom(.5);document.getElementById('out').onclick=()=>zoom(2);
    document.getElementById('all').onclick=()=>{from=0;to=END;draw()};
    document.getElementById('msgs').onchange=e=>{show=e.target.checked;draw()};
    svg.onclick=e=>zoom(.4,from+(e.offsetX-L)/(W-L-10)*(to-from));
    const cause=document.getElementById('cause');if(cause)cause.onclick=e=>{e.preventDefault();show=true;
    document.getElementById('msgs').checked=true;from=Math.max(0,BAD-1500000);to=Math.min(END,BAD+20000);draw();svg.scrollIntoView()};
    draw();
    """
}
