// Shows a trace. The only thing that is loaded is a picture whose bytes stand in the data itself.
(() => {
  const { $, el, amount, seconds, dollars, tokens, when, words, long, theme, keys, later } = base;
  const PICTURE = /^data:image\/(png|jpeg|gif|webp);base64,[A-Za-z0-9+/]*={0,2}$/;
  const FIRST = 30, CHUNK = 80;
  const DECIDED = { approve: "approved", change: "approved with other arguments", deny: "denied", result: "not run, its result was given" };

  function parts(list, kind) {
    return (list || []).map((part) => {
      if (typeof part.picture !== "string" || !PICTURE.test(part.picture)) return long(part.text || "", kind);
      const image = el("img");
      image.loading = "lazy";
      image.decoding = "async";
      image.alt = part.text || "";
      image.title = part.text || "";
      image.src = part.picture;
      image.tabIndex = 0;
      image.addEventListener("click", () => image.classList.toggle("whole"));
      image.addEventListener("keydown", (event) => { if (event.key === "Enter") image.click(); });
      return image;
    });
  }

  function given(list, one) {
    const table = el("dl", one ? "one" : "");
    for (const [name, value] of list) table.append(el("dt", "", name), el("dd", "", long(value, "mono")));
    return table;
  }

  function folded(title, ...inside) {
    return el("details", "", el("summary", "", title), el("div", "", ...inside));
  }

  // --------------------------------------------------------------------------------------------------------- blocks

  const first = JSON.parse($("data").textContent), runs = new Map(Object.entries(first.runs || {})); // and those of its sub-agents, by id
  runs.set(first.summary.run, first);
  let data = first; // the run that is shown
  const blocks = [], steps = new Map(); // a block: a step with what came of its calls, or a note between steps
  let current = -1;

  function take(item) {
    const step = steps.get(item.step);
    if (item.kind === "replied") {
      const block = { step: item.step, reply: item, calls: new Map(), items: [item], told: [] };
      steps.set(item.step, block);
      blocks.push(block);
      return noted(block, item);
    }
    if (step && item.index !== undefined) {
      const call = step.calls.get(item.index) || {};
      call[item.kind] = item;
      step.calls.set(item.index, call);
      step.items.push(item);
      step.hay = null;
      return noted(step, item);
    }
    if (item.kind === "started" || item.kind === "finished") return null;
    const block = { note: item, items: [item] };
    blocks.push(block);
    return block;
  }

  // What the loop said to the model, with the result of a call or by itself.
  function noted(block, item) {
    for (const [index, text] of item.notes || []) {
      const call = block.calls.get(index);
      if (call) (call.notes ||= []).push(text);
      else block.told.push(text);
    }
    return block;
  }

  function takeAll(items, from) {
    return items.map((item, at) => {
      if (data.parted && from + at === data.parted.at) blocks.push({ note: { kind: "parted" }, items: [data.parted] });
      return take(item);
    });
  }

  // The way to another run: a place on this page where that is on it, else its own page where it is served.
  const place = (run, step) => `#${[run !== first.summary.run && `run=${encodeURIComponent(run)}`, Number.isInteger(step) && `step-${step}`].filter(Boolean).join("/")}`;
  function way(to, text, step) {
    if (!runs.has(to.run) && !to.name) return el("span", "mono", text);
    const link = el("a", "way", text);
    link.href = runs.has(to.run) ? place(to.run, step) : `${encodeURIComponent(to.name)}${Number.isInteger(step) ? `#step-${step}` : ""}`;
    return link;
  }

  function draw(block) {
    const made = block.reply ? drawStep(block) : drawNote(block.note);
    if (block.el) block.el.replaceWith(made);
    block.el = made;
    if (blocks[current] === block) made.classList.add("current");
    if (find.hit(block)) made.classList.add("hit");
    return made;
  }

  function drawStep({ step, reply, calls, told }) {
    const number = el("a", "no", String(step));
    number.href = place(data.summary.run, Number(step));
    number.title = "Link to this step";
    const body = el("div", "body");
    const spent = words(reply.usage && tokens(reply.usage), reply.cost && dollars(reply.cost), seconds(reply.seconds), reply.last && "last request");
    body.append(el("span", "spent", spent));
    for (const [label, tried] of reply.tried || []) body.append(aware(label, tried));
    if (reply.thought) body.append(long(reply.thought, "thought"));
    if (reply.text && reply.reading !== "malformed" && reply.reading !== "refused") {
      body.append(long(reply.text, reply.reading === "answer" ? "said answer" : "said"));
    }
    if (reply.reading === "malformed") {
      body.append(long(reply.raw || reply.text || "(nothing)", "mono said"), aware("unusable", reply.complaint || "neither a call nor an answer", "bad"));
    }
    if (reply.reading === "refused") body.append(aware("refused", reply.complaint || reply.text || "", "bad"));
    (reply.calls || []).forEach((call, index) => body.append(drawCall(call, calls.get(index) || {}, step, index)));
    if (reply.cut_short) body.append(aware("too long", "the reply was cut by the token limit"));
    if (reply.repairs) body.append(aware("repaired", reply.repairs));
    if (reply.cut) body.append(aware("cut off, made up by the model", reply.cut, "", "struck"));
    if (reply.raw && reply.reading !== "malformed" && reply.raw !== reply.text) body.append(folded("As the model wrote it", long(reply.raw, "mono")));
    for (const text of told) body.append(aware("to the model", text));
    const block = el("article", "block", number, body);
    block.id = `step-${Number(step)}`;
    return block;
  }

  function drawCall(call, { called, asked, reviewed, returned, notes }, step, index) {
    const list = call.arguments;
    const single = (list) => list && list.length === 1 && !list[0][1].includes("\n") && list[0][1].length < 90;
    const short = single(list), other = reviewed && reviewed.arguments;
    const head = el("header", "", el("span", "name", call.name), short ? given(list, true) : null);
    const beneath = returned && words(returned.usage && tokens(returned.usage), returned.cost && dollars(returned.cost));
    const aside = words(returned && returned.seconds ? seconds(returned.seconds) : "", beneath && `${beneath} beneath`, `${step}.${index}`);
    head.append(el("span", "aside", aside));
    const card = el("section", "call", head);
    if (list && !short && list.length) card.append(given(list));
    if (!list && call.written) card.append(el("div", "seen bad", el("span", "tag bad", "unreadable"), long(call.written, "mono"), long(call.complaint || "")));
    if (asked) card.append(el("div", "seen", aware("asks", `May it run? ${asked.question || ""}`)));
    if (reviewed) {
      const by = reviewed.by ? ` by ${reviewed.by}` : "";
      card.append(el("div", "seen", aware(`${DECIDED[reviewed.decision]}${by}`, reviewed.text || ""), other ? given(other, single(other)) : ""));
    }
    for (const child of data.beneath?.[`${step}.${index}`] || []) card.append(drawChild(child));
    if (returned) card.append(drawResult(returned));
    else if (!asked || reviewed) card.append(el("div", "seen", el("span", "tag", over(step) ? (called ? "called, no result on record" : "not run") : called ? "called, no result yet" : "not called yet")));
    for (const text of notes || []) card.append(el("div", "seen", aware("to the model", text)));
    return card;
  }

  function drawChild(child) {
    const what = child.there ? way(child, words(child.agent, child.outcome, amount(child.steps, "step"))) : "its trace is not beside this one";
    return el("div", "seen", el("span", "tag good", "sub-agent"), what);
  }

  // Nothing more will come of a step once there is another, or the run has ended.
  function over(step) { return step < steps.size - 1 || !["unfinished", "paused", "damaged"].includes(data.summary.outcome); }

  function drawResult(result) {
    const bad = result.status !== "ok", box = el("div", bad ? "seen bad" : "seen");
    if (bad) box.append(el("span", "tag bad", result.status.replaceAll("_", " ")));
    if (result.untrusted) box.append(el("span", "tag", "untrusted"));
    if (result.edited !== undefined) box.append(el("span", "tag", "edited in this fork"));
    if (result.attempts) box.append(el("span", "tag", `tried ${result.attempts} times`));
    if (result.cached) box.append(el("span", "tag", "an earlier result, nothing ran"));
    if (result.left_behind) box.append(el("span", "tag", "left behind: its thread could not be stopped"));
    box.append(...(result.parts ? parts(result.parts, "mono") : [el("p", "aware", "(nothing)")]));
    if (result.edited !== undefined) box.append(folded("What it was", long(result.edited, "mono")));
    return box;
  }

  function aware(label, text, tone, kind) {
    return el("div", "aware", el("span", `tag ${tone || ""}`, label), long(text, kind));
  }

  function drawNote(item) {
    const body = el("div", "body"), say = (label, text, tone) => body.append(aware(label, text, tone));
    switch (item.kind) {
      case "told":
        body.append(el("span", "tag", item.edited === undefined ? "told" : "told, edited in this fork"), ...parts(item.parts, "said"));
        if (item.edited !== undefined) body.append(folded("What it was", long(item.edited)));
        break;
      case "resumed": say("resumed", `taken up again, ${when(item.at)}`); break;
      case "parted": body.append(el("div", "aware", el("span", "tag", "parted"), "what stands above was taken from ", way(data.parted, data.parted.run, data.parted.step))); break;
      case "stopped": say("stopped", `${item.cause}: ${item.detail || ""}`, "bad"); break;
      case "changed": say("changed", `the model is now ${item.backend}, the format ${item.format}`); body.append(setup(item)); break;
      case "compacted":
        say("compacted", `messages ${item.start} to ${item.end} became shorter. ${item.reason || ""}`);
        body.append(folded("What stands there now", ...parts(item.parts)));
        break;
      default: say(item.kind, JSON.stringify(item, null, 2));
    }
    return el("article", "block note", el("span", "no"), body);
  }

  // ----------------------------------------------------------------------------------------------------------- head

  function setup(item) {
    const inside = [];
    if (item.instructions) inside.push(el("span", "label", "Instructions"), long(item.instructions));
    for (const tool of item.tools || []) {
      inside.push(el("h3", "", tool.name, " ", el("small", "", tool.claims || "")), long(tool.description || ""), folded("Parameters", long(tool.parameters || "", "mono")));
    }
    if (item.output) inside.push(el("h3", "", "Typed answer"), long(item.output, "mono"));
    const rules = [...(item.settings || []), ...(item.limits || [])].map(([name, value]) => `${name.replaceAll("_", " ")} ${value}`).join(" · ");
    if (rules) inside.push(el("h3", "", "Settings and limits"), el("p", "text", rules));
    const tools = (item.tools || []).length;
    return folded(words(item.instructions && "Instructions", tools && amount(tools, "tool"), "limits"), ...inside);
  }

  function drawHead() {
    const start = data.items[0], end = data.summary, task = start.task || [];
    $("pill").textContent = end.outcome;
    $("pill").className = `pill ${end.outcome}`;
    const title = task.map((part) => (part.picture ? "" : part.text)).join(" ").trim();
    $("short").textContent = title;
    const one = title.length <= 240 && !title.includes("\n");
    const heading = el("h1", "", one ? title : title.slice(0, 160).split("\n")[0] + " …");
    heading.dir = "auto";
    const fact = (value, name) => (value ? el("span", "", el("b", "", value), name ? ` ${name}` : "") : null);
    const facts = el("p", "facts", fact(start.backend), fact(start.format, "format"), fact(end.steps.toLocaleString("en"), end.steps === 1 ? "step" : "steps"),
      fact(end.tool_calls && end.tool_calls.toLocaleString("en"), end.tool_calls === 1 ? "call that ran" : "calls that ran"),
      fact(end.usage && end.usage.length && tokens(end.usage).replace(" tokens", ""), "tokens"), fact(end.cost && dollars(end.cost)), fact(seconds(end.seconds)), el("span", "", when(start.at)), el("span", "", end.run));
    const inside = [heading, facts];
    if (data.above) inside.push(el("p", "kin", "beneath ", way(data.above, data.above.run, data.above.step), `, call ${data.above.call}`));
    if (data.parted) inside.push(el("p", "kin", "a fork of ", way(data.parted, data.parted.run, data.parted.step), `, after its first ${amount(data.parted.at, "event")}`));
    if (!one) inside.push(long(title));
    if (start.edited !== undefined) inside.push(folded("The question was edited in this fork", long(start.edited)));
    inside.push(...parts(task.filter((part) => part.picture)).map((image) => el("div", "seen", image)));
    if (end.answer) inside.push(el("div", "result", el("span", "label", end.asked ? `Answer to: ${end.asked}` : "Answer"), long(end.answer, "answer")));
    else {
      const lost = ["failed", "malformed", "refused", "damaged"].includes(end.outcome);
      const what = long(end.outcome === "unfinished" ? "It is still going on, or was interrupted; react-agent resume goes on with it." : end.detail || "");
      if (data.live && end.outcome === "unfinished") what.id = "age";
      inside.push(el("div", `result ${lost ? "lost" : "other"}`, el("span", "label", end.outcome), what));
    }
    if (end.reasons.length) {
      const why = el("dl", "why");
      for (const [label, text] of end.reasons) if (label !== "ended" || end.answer) why.append(el("dt", "", label), el("dd", "", long(text)));
      inside.push(why);
    }
    if (!data.live && end.waiting.length) inside.push(aware("to do", "react-agent resume tells how to decide, and goes on"));
    if (data.live) inside.push(...end.waiting.map(reviewing(data.live, given)));
    inside.push(setup(start));
    $("head").replaceChildren(...inside);
    $("problem").hidden = !end.problem;
    $("problem").textContent = end.problem || "";
    $("tail").replaceChildren(words(`${amount(data.items.length, "event")} on record`, end.outcome, seconds(end.seconds)));
    if (data.live && end.waiting.length) {
      const there = el("button", "fold", `${amount(end.waiting.length, "call")} to decide on`);
      there.type = "button";
      there.addEventListener("click", () => document.querySelector(".review").scrollIntoView({ block: "center" }));
      $("tail").append(" · ", there);
    }
    tellAge();
  }

  // A file does not tell whether anybody is still writing it; how long ago the last event was does, to whoever looks.
  function tellAge() {
    const age = Date.now() / 1000 - data.items.at(-1).at;
    if ($("age")) $("age").textContent = data.items.at(-1).kind === "reviewed" ? "It was decided on; react-agent resume goes on with it." : age < 60 ? `It is going on; the last event was ${Math.max(0, Math.round(age))} s ago.`
      : `Nothing was written for ${seconds(age)}: a slow step, or it was interrupted. react-agent resume goes on with it.`;
  }

  const time = timeline($("time"), (step) => go(blocks.indexOf(steps.get(step))));
  function drawTime() { time.draw(data.items); time.mark(blocks[current]?.step); }

  // --------------------------------------------------------------------------------------------------- going around

  function go(index, quiet) {
    if (!blocks.length) return;
    index = Math.max(0, Math.min(blocks.length - 1, index));
    blocks[current]?.el?.classList.remove("current");
    current = index;
    const block = blocks[index];
    if (!block.el) drawTo(index);
    block.el.classList.add("current");
    if (!quiet) {
      block.el.scrollIntoView({ block: "start" });
      requestAnimationFrame(() => block.el.scrollIntoView({ block: "start" })); // what was never laid out had a guessed height
    }
    time.mark(block.step);
  }

  const find = finding({ blocks, here: () => blocks[current], go, open: (block) => turnAll(block, true) });
  function turnAll(block, open) {
    const holders = [...block.el.querySelectorAll(".long")], folds = [...block.el.querySelectorAll("details")];
    const to = open ?? !(holders.some((one) => one.open) || folds.some((one) => one.open));
    holders.forEach((one) => one.turn(to));
    folds.forEach((one) => { one.open = to; });
  }

  // ------------------------------------------------------------------------------------------------------- dialogues

  async function copy() {
    const box = $("test"), done = el("span", "", ""), again = el("button", "", "Copy"), away = el("button", "", "Close"), text = el("pre", "text mono", data.test || "");
    away.addEventListener("click", () => box.close());
    again.addEventListener("click", put);
    again.autofocus = true;
    box.replaceChildren(el("h2", "", "This run as a test"), text, el("div", "row", done, again, away));
    box.showModal();
    await put();
    async function put() {
      try {
        await navigator.clipboard.writeText(data.test || "");
        done.textContent = "Copied.";
      } catch {
        const range = new Range();
        range.selectNodeContents(text);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        done.textContent = document.execCommand("copy") ? "Copied." : "Selected: copy it with your own keys.";
      }
    }
  }

  let all = false;
  keys($("help"), $("keys"), [
    ["j", "next and previous step", () => go(current + 1)], ["k", "next and previous step", () => go(current - 1)],
    ["g", "first and last step", () => go(0)], ["G", "first and last step", () => go(blocks.length - 1)],
    ["/", "search; Enter for the next place", () => { $("search").focus(); $("search").select(); }],
    ["n", "next and previous place", () => find.next(1)], ["N", "next and previous place", () => find.next(-1)],
    ["o", "open or fold the step's long texts", () => blocks[current] && turnAll(blocks[current])],
    ["O", "open or fold all", () => { all = !all; drawTo(blocks.length - 1); blocks.forEach((block) => turnAll(block, all)); }],
    ["u", "up to the run that this one is beneath, or a fork of", () => document.querySelector("#head .kin a")?.click()],
    ["t", "light or dark", theme], ["c", "copy as a test", copy],
  ], (event) => {
    if (event.target !== $("search")) return false;
    if (event.key === "Enter") { event.preventDefault(); find.next(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape") { $("search").value = ""; find.search(); $("search").blur(); }
    return true;
  });
  addEventListener("scroll", () => document.body.classList.toggle("below", scrollY > 150), { passive: true });
  let waiting = 0;
  $("search").addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(find.search, 60); });
  $("theme").addEventListener("click", theme);
  $("copy").addEventListener("click", copy);
  $("blocks").addEventListener("click", (event) => {
    const at = blocks.findIndex((block) => block.el && block.el.contains(event.target));
    if (at >= 0) go(at, true);
  });
  function follow() {
    const at = /^(?:#(?:run=([^/]*))?\/?(?:step-(\d+))?)?$/.exec(location.hash);
    if (!at) return;
    let run = first;
    try { if (at[1] !== undefined) run = runs.get(decodeURIComponent(at[1])) || first; } catch { /* no id is written like this */ }
    if (run !== data) turnTo(run);
    if (at[2] !== undefined && steps.has(Number(at[2]))) go(blocks.indexOf(steps.get(Number(at[2]))));
  }
  addEventListener("hashchange", follow);

  // ---------------------------------------------------------------------------------------------------------- at once

  let drawn = 0, turn = 0;
  function drawTo(index) {
    const made = document.createDocumentFragment();
    for (; drawn <= index && drawn < blocks.length; drawn++) made.append(draw(blocks[drawn]));
    $("blocks").append(made);
  }
  function drawRest(of) {
    if (of !== turn) return; // another run is shown by now
    if (drawn >= blocks.length) { document.documentElement.dataset.drawn = String(drawn); if (find.on()) find.mark(); return; }
    drawTo(drawn + CHUNK - 1);
    later(() => drawRest(of));
  }

  function turnTo(run) {
    data = run;
    const of = ++turn;
    blocks.length = drawn = 0;
    steps.clear();
    current = -1;
    find.forget();
    delete document.documentElement.dataset.drawn;
    $("blocks").replaceChildren();
    for (const edit of data.items[0].edits || []) if (data.items[edit.at]) data.items[edit.at].edited = edit.before; // of a fork
    takeAll(data.items, 0);
    if (find.on()) find.search();
    drawHead();
    drawTo(FIRST - 1);
    scrollTo(0, 0);
    requestAnimationFrame(() => { if (of === turn) { drawTime(); later(() => drawRest(of)); } });
  }
  turnTo(first);
  requestAnimationFrame(follow);

  // A page that is served follows its run; from a file there is nothing to ask, and the policy would not let it.
  if (data.live) {
    $("back").href = "../";
    $("back").hidden = false;
    const ask = async () => {
      try {
        const answer = await fetch(`${data.live}?from=${data.items.length}`);
        if (answer.ok) grow(await answer.json());
        else lost(await answer.text());
      } catch { lost("The server is away; what stands here is what it told last."); }
      setTimeout(ask, 700);
    };
    // Whoever is at the end stays there as it grows, until they go up. What was never laid out had a guessed height, so it takes some goes.
    const atEnd = () => innerHeight + scrollY >= document.body.scrollHeight - 80;
    let following = atEnd(), top = scrollY;
    addEventListener("scroll", () => { following = atEnd() || (following && scrollY >= top); top = scrollY; }, { passive: true });
    const stay = (goes) => {
      const decide = data.summary.waiting.length ? document.querySelector(".review") : null;
      if (decide) { decide.scrollIntoView({ block: "center" }); following = true; } else scrollTo(0, document.body.scrollHeight);
      if (goes) requestAnimationFrame(() => stay(goes - 1));
    };
    const lost = (why) => { $("problem").hidden = false; $("problem").textContent = data.summary.problem = why; };
    const grow = (news) => {
      if (news.events < data.items.length) return location.reload(); // the file is shorter than it was: another stands in its place
      const same = !news.items.length && ["outcome", "problem"].every((name) => news.summary[name] === data.summary[name]);
      const below = Object.entries(news.beneath).filter(([at, list]) => JSON.stringify(list) !== JSON.stringify(data.beneath[at]));
      if (same && !below.length) return tellAge();
      const from = data.items.length;
      data.items.push(...news.items);
      data.summary = news.summary;
      Object.assign(data.beneath, news.beneath);
      const touched = new Set([...takeAll(news.items, from), ...below.map(([at]) => steps.get(parseInt(at)))]); // and the last step: what is open in it may have come to its end
      for (const block of touched.add(blocks.findLast((one) => one.reply))) if (block?.el) draw(block);
      if (same) return; // else what a person writes into a review would be gone
      drawHead();
      drawTo(blocks.length - 1);
      drawTime();
      document.dispatchEvent(new CustomEvent("grown", { detail: data.summary }));
      if (following) stay(3);
    };
    setTimeout(ask, 700);
  }
})();
