/// How the page of a run looks, and how its browser draws it.
enum ReportPage {
  static let style = """
    body { font: 14px/1.4 system-ui, sans-serif; margin: 1.5em; max-width: 1250px; color: #222 }
    h1 { font-size: 1.4em; margin: 0 }
    pre { font-size: 12px }
    svg { border: 1px solid #ddd; background: #fff; cursor: zoom-in }
    table { border-collapse: collapse; font-size: 12px; margin: .4em 0 }
    td { padding: 1px 8px; border-bottom: 1px solid #eee }
    tr.bad td { background: #fdd }
    .why { color: #555; margin: .2em 0 }
    .good { color: #17692b; font-weight: 600 }
    .bad { color: #a11; font-weight: 600 }
    .tools { margin: .5em 0 }
    .legend { font-size: 12px; color: #444 }
    .k { display: inline-block; width: 12px; height: 12px; margin: 0 3px 0 10px; vertical-align: -1px }
    .leader { background: #2a6fdb; fill: #2a6fdb }
    .follower { background: #b9cdea; fill: #b9cdea }
    .candidate { background: #e8a838; fill: #e8a838 }
    .down { background: #444; fill: #444 }
    .fault { background: #e6a0a0; fill: #e6a0a0 }
    .act { background: #8a6fc0; fill: #8a6fc0 }
    .run { background: #3a9a5b; fill: #3a9a5b }

    """

  /// The page says before it: `N` nodes, `END` and `BAD` in microseconds (null where nothing failed), `E` events as
  /// `[at, kind, node, ...]` and `M` messages as `[from, to, sent, arrived, kind]`.
  static let script = """
    // What is shown of the run, in microseconds, and whether messages are.
    let from = 0, to = END, showsMessages = false;

    const svg = document.getElementById('view');
    const WIDTH = 1200, LEFT = 70, RIGHT = WIDTH - 10, LANE = 34, ROW = 12, MOST_ROWS = 16;

    const states = E.filter(e => e[1] == 's');
    const mostFinal = Math.max(1, ...states.map(e => e[7]));
    const isAct = text => /^(agent|approver) /.test(text);
    const acts = E.filter(e => e[1] == 'f' && isAct(e[3]));
    const faults = faultSpans();
    const rows = placeFaults();

    // When each fault began and ended: the end of one that is not said to end is that of the run, where it lasts.
    function faultSpans() {
      const open = new Map(), spans = [];
      for (const [at, kind, , text] of E) {
        if (isAct(text)) continue;
        if (kind == 'f') open.set(text, [...(open.get(text) || []), at]);
        if (kind == 'e' && open.get(text)?.length) spans.push({ at: open.get(text).shift(), end: at, text });
      }
      for (const [text, starts] of open)
        for (const at of starts) spans.push({ at, end: / for /.test(text) ? END : at, text });
      return spans.sort((a, b) => a.at - b.at);
    }

    // Each fault in the first row that is free when it begins, with room for its label.
    function placeFaults() {
      const free = [];
      for (const fault of faults) {
        const room = END * 5.5 * Math.min(fault.text.length, 40) / (RIGHT - LEFT);
        let row = free.findIndex(end => end <= fault.at);
        if (row < 0) row = free.length < MOST_ROWS ? free.length : free.indexOf(Math.min(...free));
        fault.row = row;
        free[row] = Math.max(fault.end, fault.at + room);
      }
      return free.length;
    }

    const x = time => LEFT + (time - from) / (to - from) * (RIGHT - LEFT);
    const milliseconds = (time, digits = 1) => (time / 1000).toFixed(digits) + ' ms';
    const isShown = (at, end = at) => end >= from && at <= to;
    const describe = s => s[3] + ', term ' + s[4] + ', log ' + s[5] + ', committed ' + s[6] + ', final ' + s[7];

    function add(parent, name, attributes, tip) {
      const element = document.createElementNS('http://www.w3.org/2000/svg', name);
      for (const key in attributes) element.setAttribute(key, attributes[key]);
      if (tip != null) add(element, 'title', {}).textContent = tip;
      return parent.appendChild(element);
    }

    function label(text, at, y, more = {}, parent = svg) {
      add(parent, 'text', { x: at, y, 'font-size': 9, ...more }).textContent = text;
    }

    // A bar, and its text as far as the bar, or the room given for it, goes.
    function bar(at, end, y, height, look, tip, text, ink, room = 0) {
      const left = Math.max(LEFT, x(at)), width = Math.max(2, Math.min(RIGHT, x(end)) - left);
      add(svg, 'rect', { x: left, y, width, height, class: look }, tip);
      const wide = Math.max(width, room);
      if (!text || wide < 24) return;
      const box = add(svg, 'svg', { x: left, y, width: wide, height, overflow: 'hidden', 'pointer-events': 'none' });
      label(text, 3, Math.min(height - 2, 11), { fill: ink }, box);
    }

    function draw() {
      svg.textContent = '';
      const top = 26 + rows * ROW, bottom = top + N * LANE, height = bottom + 44;
      svg.setAttribute('height', height);
      document.getElementById('span').textContent = milliseconds(from) + ' to ' + milliseconds(to);
      drawTime(height);
      for (const fault of faults.filter(f => isShown(f.at, f.end)))
        bar(fault.at, fault.end, 18 + fault.row * ROW, ROW - 2, 'fault', milliseconds(fault.at) + ': ' + fault.text,
          fault.text, '#400', Math.min(fault.text.length, 40) * 5.5 * END / (to - from));
      for (let node = 1; node <= N; node++) drawLane(node, top + (node - 1) * LANE);
      drawOutside(bottom, height);
      if (showsMessages) drawMessages(top);
      list();
    }

    function drawTime(height) {
      const step = Math.pow(10, Math.floor(Math.log10((to - from) / 4)));
      for (let at = Math.ceil(from / step) * step; at <= to; at += step) {
        add(svg, 'line', { x1: x(at), x2: x(at), y1: 14, y2: height - 16, stroke: '#eee' });
        label(step >= 1e6 ? at / 1e6 + ' s' : at / 1e3 + ' ms', x(at) + 2, 11, { fill: '#777' });
      }
    }

    // What one node was, with a line for how far it was final.
    function drawLane(node, y) {
      label('node ' + node, 6, y + 20, { 'font-size': 12 });
      const own = states.filter(s => s[2] == node);
      let before = null;
      own.forEach((state, i) => {
        const end = i + 1 < own.length ? own[i + 1][0] : END;
        if (!isShown(state[0], end)) return;
        const role = ['leader', 'follower', 'down'].includes(state[3]) ? state[3] : 'candidate';
        const isDark = role == 'leader' || role == 'down';
        bar(state[0], end, y + 3, LANE - 8, role, milliseconds(state[0]) + ': ' + describe(state),
          't' + state[4] + ' f' + state[7], isDark ? '#fff' : '#234');
        const left = Math.max(LEFT, x(state[0])), right = Math.min(RIGHT, x(end));
        const level = y + LANE - 6 - state[7] / mostFinal * (LANE - 12);
        if (before != null) add(svg, 'line', { x1: left, x2: left, y1: before, y2: level, stroke: '#123' });
        add(svg, 'line', { x1: left, x2: right, y1: level, y2: level, stroke: '#123' });
        before = level;
      });
    }

    // Agents, executors, and the moments that concern all.
    function drawOutside(y, height) {
      label('agents', 6, y + 12, { 'font-size': 11 });
      label('executors', 6, y + 28, { 'font-size': 11 });
      for (const act of acts.filter(a => isShown(a[0])))
        add(svg, 'rect', { x: x(act[0]) - 2, y: y + 3, width: 4, height: 11, class: 'act' }, milliseconds(act[0]) + ': ' + act[3]);
      for (const [at, kind, , text] of E.filter(e => isShown(e[0]))) {
        if (kind == 'x')
          add(svg, 'rect', { x: x(at) - 2, y: y + 19, width: 4, height: 11, class: 'run' }, milliseconds(at) + ': ' + text);
        if (kind == 'h' || kind == 'v')
          add(svg, 'line', {
            x1: x(at), x2: x(at), y1: 14, y2: height - 4, stroke: kind == 'v' ? '#a11' : '#3a9a5b',
            'stroke-width': kind == 'v' ? 2 : 1, 'stroke-dasharray': kind == 'v' ? 'none' : '4 3' }, text);
      }
    }

    // Some thousand at most: more are a grey surface.
    function drawMessages(top) {
      const middle = node => top + (node - 1) * LANE + LANE / 2;
      for (const [sender, receiver, sent, arrived, kind] of M.filter(m => isShown(m[2])).slice(-4000)) {
        const isLost = arrived == null;
        add(svg, 'line', {
          x1: x(sent), y1: middle(sender), x2: x(isLost ? sent : arrived) + 1,
          y2: isLost ? (middle(sender) + middle(receiver)) / 2 : middle(receiver),
          stroke: isLost ? '#c33' : '#777', 'stroke-width': .7, opacity: .7,
        }, milliseconds(sent, 2) + ': ' + sender + ' to ' + receiver + ': ' + kind + (isLost ? ', lost' : ''));
      }
    }

    // What happened in the part that is shown, in words: the last of it, which is what led to its end.
    function list() {
      const table = document.getElementById('list');
      table.textContent = '';
      const shown = E.filter(e => isShown(e[0]));
      if (shown.length > 400) table.insertRow().insertCell().textContent = (shown.length - 400) + ' earlier ones: zoom in';
      for (const event of shown.slice(-400)) {
        const [at, kind, node, text] = event, row = table.insertRow();
        if (kind == 'v') row.className = 'bad';
        row.insertCell().textContent = milliseconds(at);
        row.insertCell().textContent = node ? 'node ' + node : '';
        row.insertCell().textContent = kind == 's' ? describe(event) : (kind == 'e' ? 'over: ' : '') + text;
      }
    }

    function zoom(factor, centre = (from + to) / 2) {
      const width = Math.min(END, Math.max(1000, (to - from) * factor));
      from = Math.min(Math.max(0, centre - width / 2), END - width);
      to = from + width;
      draw();
    }

    // The second and a half before the failure, with its messages.
    function showCause(click) {
      click.preventDefault();
      document.getElementById('msgs').checked = showsMessages = true;
      from = Math.max(0, BAD - 1500000);
      to = Math.min(END, BAD + 20000);
      draw();
      svg.scrollIntoView();
    }

    document.getElementById('in').onclick = () => zoom(.5);
    document.getElementById('out').onclick = () => zoom(2);
    document.getElementById('all').onclick = () => { from = 0; to = END; draw(); };
    document.getElementById('msgs').onchange = change => { showsMessages = change.target.checked; draw(); };
    svg.onclick = click => zoom(.4, from + (click.clientX - svg.getBoundingClientRect().left - LEFT) / (RIGHT - LEFT) * (to - from));
    document.getElementById('cause')?.addEventListener('click', showCause);
    draw();

    """
}
