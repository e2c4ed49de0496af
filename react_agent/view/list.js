"use strict";
// Shows the runs of a folder. Texts become text nodes; a link is made of a run's file name only, encoded.
(() => {
  const $ = (id) => document.getElementById(id);
  let runs = JSON.parse($("data").textContent).runs;
  const cell = (text, kind) => { const made = document.createElement("td"); made.textContent = text; made.className = kind || ""; return made; };
  const when = (at) => { const d = new Date(at * 1000); return isNaN(d) ? "" : d.toLocaleString("sv"); };

  function draw() {
    const sought = $("search").value.trim().toLowerCase(), outcome = $("outcome").value;
    const shown = runs.filter((run) => (!outcome || run.outcome === outcome) && (!sought || `${run.question}\n${run.model}\n${run.name}`.toLowerCase().includes(sought)));
    const body = document.createDocumentFragment();
    for (const run of shown.slice(0, 1000)) {
      const row = document.createElement("tr"), question = cell(""), link = document.createElement("a"), pill = document.createElement("span"), end = cell("");
      link.href = `run/${encodeURIComponent(run.name)}`;
      link.textContent = run.question || run.name;
      link.title = run.name;
      link.dir = "auto";
      question.append(link);
      pill.className = `pill ${run.outcome}`;
      pill.textContent = run.outcome;
      end.append(pill);
      row.append(question, end, cell(run.model), cell(run.steps ?? "", "n"), cell(run.tokens ? run.tokens.toLocaleString("en") : "", "n"), cell(when(run.at), "soft"));
      body.append(row);
    }
    document.querySelector("#runs tbody").replaceChildren(body);
    $("none").hidden = shown.length > 0;
    $("count").textContent = shown.length === runs.length ? `${runs.length}` : `${shown.length} of ${runs.length}`;
    const kinds = [...new Set(runs.map((run) => run.outcome))].sort();
    if ($("outcome").length !== kinds.length + 1) $("outcome").replaceChildren(new Option("all outcomes", ""), ...kinds.map((kind) => new Option(kind, kind, false, kind === outcome)));
  }

  async function ask() {
    try {
      const answer = await fetch("api/runs");
      if (answer.ok) { runs = (await answer.json()).runs; draw(); }
    } catch { /* the server is away: ask again */ }
    setTimeout(ask, 2000);
  }
  $("search").addEventListener("input", draw);
  $("outcome").addEventListener("change", draw);
  addEventListener("keydown", (event) => { if (event.key === "/" && event.target !== $("search")) { event.preventDefault(); $("search").focus(); } });
  draw();
  setTimeout(ask, 2000);
})();
