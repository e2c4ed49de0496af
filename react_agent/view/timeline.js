// When the model (above) and the tools (below) were at work, in an SVG. `pick` is told the step of a place that was chosen.
const timeline = (svg, pick) => {
  let spans = [];

  function draw(items) {
    const raw = [];
    for (const item of items) {
      if (item.kind === "replied") raw.push({ from: item.at - item.seconds, to: item.at, step: item.step, kind: item.reading === "malformed" ? "x" : "m" });
      if (item.kind === "returned") raw.push({ from: item.at - (item.seconds || 0), to: item.at, step: item.step, kind: item.status === "ok" ? "t" : "x", tool: true });
    }
    spans = raw.filter((span) => Number.isFinite(span.from) && Number.isFinite(span.to)).sort((a, b) => a.from - b.from);
    const busy = spans.reduce((sum, span) => sum + (span.tool ? 0 : span.to - span.from), 0) || 1e-9;
    const most = Math.max(busy / 40, 1e-9); // a pause takes no more room than this
    svg.replaceChildren();
    let clock = null, x = 0;
    const lanes = [-Infinity, -Infinity, -Infinity];
    for (const span of spans) {
      if (clock === null) clock = span.from;
      if (span.from > clock) { const gap = span.from - clock; span.gap = gap > most; x += Math.min(gap, most); clock = span.from; }
      span.a = x - (clock - span.from);
      span.b = span.a + (span.to - span.from);
      if (span.to > clock) { x += span.to - clock; clock = span.to; }
    }
    const scale = 1000 / (x || 1);
    const rect = (kind, a, y, width, height) => {
      const made = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [name, value] of Object.entries({ class: kind, x: a.toFixed(2), y, width: width.toFixed(2), height, rx: width > 4 ? 1 : 0 })) made.setAttribute(name, value);
      svg.append(made);
    };
    rect("rest", 0, 14.5, 1000, 1);
    for (const span of spans) {
      span.a *= scale; span.b *= scale;
      let y = 1;
      if (span.tool) {
        let lane = lanes.findIndex((end) => end <= span.a + 0.01);
        if (lane < 0) lane = 2;
        lanes[lane] = span.b;
        y = 16 + lane * 4.6;
      }
      rect(span.kind, span.a, y, Math.max(span.b - span.a, 1.2), span.tool ? 4 : 12.5);
    }
    rect("here", 0, 0, 0, 30);
    svg.hidden = !spans.length;
  }

  function mark(step) {
    const here = svg.lastChild, own = spans.filter((span) => span.step === step);
    if (!here) return;
    if (!own.length) return here.setAttribute("width", 0);
    const a = Math.min(...own.map((span) => span.a)), b = Math.max(...own.map((span) => span.b));
    here.setAttribute("x", a - 1);
    here.setAttribute("width", Math.max(b - a + 2, 4));
  }

  svg.addEventListener("click", (event) => {
    const box = svg.getBoundingClientRect(), x = ((event.clientX - box.left) / box.width) * 1000;
    const distance = (span) => Math.max(span.a - x, x - span.b, 0);
    const nearest = spans.reduce((best, span) => (best && distance(best) <= distance(span) ? best : span), null);
    if (nearest) pick(nearest.step);
  });
  return { draw, mark };
};
