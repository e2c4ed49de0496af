// Shows two runs side by side. What is only in the first stands on the left, what is only in the second on the right; what is in both stands once.
(() => {
  const { $, el, dollars, tokens, when, seconds, amount, long, theme, keys, later } = base;
  const FIRST = 30, CHUNK = 80;
  const data = JSON.parse($("data").textContent), both = data.comparison;
  const differs = (texts) => texts.some((text) => text.pieces.some(([kind]) => kind !== "same"));

  function end(run, index) {
    const fact = (value, name) => (value ? el("span", "", el("b", "", value), name ? ` ${name}` : "") : null);
    const name = data.links[index] ? el("a", "mono", run.run) : el("span", "mono", run.run);
    if (data.links[index]) name.href = data.links[index];
    return el("div", "side", el("p", "who", el("span", "letter", "AB"[index]), el("span", `pill ${run.outcome}`, run.outcome), name),
      el("p", "facts", fact(run.backend), fact(run.steps.toLocaleString("en"), run.steps === 1 ? "step" : "steps"),
        fact(run.usage.length && tokens(run.usage).replace(" tokens", ""), "tokens"), fact(run.cost && dollars(run.cost)), fact(seconds(run.seconds)), el("span", "", when(run.at))));
  }

  // One side of a text: what both have, and what only this one has, marked.
  function side(pieces, own) {
    const box = el("p", "text");
    box.dir = "auto";
    for (const [kind, text] of pieces) {
      if (kind === "same") box.append(text);
      else if (kind === own) box.append(el(own === "gone" ? "del" : "ins", "", text));
    }
    return el("div", "side", box);
  }

  function row(text) {
    const kinds = new Set(text.pieces.map(([kind]) => kind)), look = { thought: "as-thought", text: "as-said", answer: "as-said", question: "as-said", told: "as-said", instructions: "as-said" }[text.label] || "as-code";
    const line = el("div", `line ${look}`, el("span", "label", text.label));
    if (kinds.size === 1 && kinds.has("same")) line.append(el("div", "both", long(text.pieces[0][1])));
    else if (kinds.size === 1) line.append(el("div", `side alone ${[...kinds][0]}`, long(text.pieces[0][1])));
    else line.append(el("div", "sides", side(text.pieces, "gone"), side(text.pieces, "new")));
    return line;
  }

  function pair(one) {
    const same = one.first !== null && one.second !== null && !differs(one.texts);
    const kind = one.second === null ? "first" : one.first === null ? "second" : same ? "same" : "differs";
    const number = el("span", "no", one.first === one.second ? String(one.first) : `${one.first ?? "–"} → ${one.second ?? "–"}`);
    const box = el("article", `pair ${kind}`, number);
    const rows = el("div", "rows");
    if (same) {
      const fold = el("details", "", el("summary", "", one.gist), rows);
      fold.addEventListener("toggle", () => { if (!rows.hasChildNodes()) rows.append(...one.texts.map(row)); });
      box.append(fold);
      return box;
    }
    if (kind !== "differs") rows.append(el("span", "tag", kind === "first" ? "only in A" : "only in B"));
    rows.append(...one.texts.map(row));
    box.append(rows);
    return box;
  }

  // ------------------------------------------------------------------------------------------------------- going around

  let drawn = 0;
  function drawTo(count) {
    $("pairs").append(...both.steps.slice(drawn, count).map(pair));
    drawn = Math.max(drawn, Math.min(count, both.steps.length));
  }

  let at = -1;
  const places = () => [...document.querySelectorAll(".pair:not(.same), #heads .line")];
  function go(way) {
    drawTo(Infinity);
    const all = places();
    if (!all.length) return;
    all[at]?.classList.remove("current");
    at = Math.max(0, Math.min(all.length - 1, at + way));
    all[at].classList.add("current");
    all[at].scrollIntoView({ block: "start" });
  }
  function only() { document.body.classList.toggle("only", $("only").checked); }
  function turnAll() {
    drawTo(Infinity);
    const folds = [...document.querySelectorAll(".pair details")], open = !folds.some((one) => one.open);
    folds.forEach((one) => { one.open = open; });
  }

  if (data.links.length) { $("back").href = "../../"; $("back").hidden = false; }
  $("ends").append(...data.runs.map(end));
  // The models and the outcomes stand above.
  const heads = [...both.heads.filter((text) => text.label !== "model" && differs([text])), ...both.outcome.filter((text) => differs([text]) || (text.label === "answer" && text.pieces[0][1]))];
  const question = both.heads[0];
  if (!differs([question])) $("heads").append(el("h1", "", question.pieces[0][1].slice(0, 300)));
  $("heads").append(...heads.map(row));
  drawTo(FIRST);
  const count = both.steps.filter((one) => one.first === null || one.second === null || differs(one.texts)).length;
  $("count").textContent = count ? `${amount(count, "step")} of ${both.steps.length} differ${count === 1 ? "s" : ""}` : "every step is the same";
  $("problem").hidden = !data.problems.length;
  $("problem").textContent = data.problems.join("\n");
  $("theme").addEventListener("click", theme);
  $("only").addEventListener("change", only);
  keys($("help"), $("keys"), [
    ["j", "next difference", () => go(1)], ["k", "difference before", () => go(-1)], ["d", "only what differs", () => { $("only").checked = !$("only").checked; only(); }],
    ["o", "open or fold what is the same", turnAll], ["t", "light or dark", theme],
  ]);
  later(function rest() {
    drawTo(drawn + CHUNK);
    if (drawn < both.steps.length) later(rest);
    else document.documentElement.dataset.drawn = String(drawn);
  });
})();
