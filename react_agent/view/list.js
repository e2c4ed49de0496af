// Shows the runs of a folder. Texts become text nodes; a link is made of a run's file name only, encoded.
(() => {
  const { $, el, amount, when, theme, keys } = base;
  const MOST = 1000;
  let runs = JSON.parse($("data").textContent).runs, chosen = []; // names, at most two

  function line(run) {
    const link = el("a", "", run.question || run.name), box = el("input"), pill = el("span", `pill ${run.outcome}`, run.outcome);
    link.href = `run/${encodeURIComponent(run.name)}`;
    link.title = run.name;
    link.dir = "auto";
    box.type = "checkbox";
    box.checked = chosen.includes(run.name);
    box.disabled = run.outcome === "unreadable";
    box.setAttribute("aria-label", `Compare ${run.name}`);
    box.addEventListener("change", () => {
      chosen = box.checked ? [...chosen, run.name].slice(-2) : chosen.filter((name) => name !== run.name);
      draw();
      [...document.querySelectorAll("#runs input")].find((one) => one.getAttribute("aria-label") === `Compare ${run.name}`)?.focus();
    });
    return el("tr", "", el("td", "pick", box), el("td", "", link), el("td", "", pill), el("td", "", run.model), el("td", "n", String(run.steps ?? "")),
      el("td", "n", run.tokens ? run.tokens.toLocaleString("en") : ""), el("td", "soft", when(run.at)));
  }

  function draw() {
    const sought = $("search").value.trim().toLowerCase(), outcome = $("outcome").value;
    const shown = runs.filter((run) => (!outcome || run.outcome === outcome) && (!sought || `${run.question}\n${run.model}\n${run.name}`.toLowerCase().includes(sought)));
    document.querySelector("#runs tbody").replaceChildren(...shown.slice(0, MOST).map(line));
    $("none").hidden = shown.length > 0;
    $("none").textContent = runs.length ? "No run fits this search." : "No runs here yet. react-agent run and react-agent demo write some; this page shows them as they come.";
    $("runs").hidden = !shown.length;
    const all = amount(runs.length, "run");
    $("count").textContent = shown.length > MOST ? `the newest ${MOST.toLocaleString("en")} of ${all}` : shown.length === runs.length ? all : `${shown.length} of ${all}`;
    $("compare").disabled = chosen.length !== 2;
    $("compare").title = chosen.length === 2 ? "Side by side (c)" : "Choose two runs first";
    const kinds = [...new Set(runs.map((run) => run.outcome))].sort();
    if ($("outcome").length !== kinds.length + 1) $("outcome").replaceChildren(new Option("all outcomes", ""), ...kinds.map((kind) => new Option(kind, kind, false, kind === outcome)));
  }

  function compare() {
    if (chosen.length !== 2) return;
    const older = [...chosen].sort((a, b) => runs.findIndex((run) => run.name === b) - runs.findIndex((run) => run.name === a)); // the list begins with the newest
    location.href = `compare/${older.map(encodeURIComponent).join("/")}`;
  }

  let before = JSON.stringify(runs);
  async function ask() {
    try {
      const answer = await fetch("api/runs");
      if (answer.ok) {
        const text = await answer.text();
        if (text !== before) { before = text; runs = JSON.parse(text).runs; draw(); }
      }
    } catch { /* the server is away: ask again */ }
    setTimeout(ask, 2000);
  }

  $("search").addEventListener("input", draw);
  $("outcome").addEventListener("change", draw);
  $("compare").addEventListener("click", compare);
  $("theme").addEventListener("click", theme);
  keys($("help"), $("keys"), [["/", "search", () => $("search").focus()], ["c", "compare the two chosen", compare], ["t", "light or dark", theme]], (event) => {
    if (event.target !== $("search")) return false;
    if (event.key === "Escape") { $("search").value = ""; draw(); $("search").blur(); }
    return true;
  });
  draw();
  setTimeout(ask, 2000);
})();
