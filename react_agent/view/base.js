"use strict";
// What every page needs. Whatever a model or a tool wrote becomes a text node and nothing else: no script here sets HTML, an address or a handler from data.
const base = (() => {
  const $ = (id) => document.getElementById(id);
  const LINES = 14, CHARS = 1800;

  function el(tag, kind, ...inside) {
    const made = document.createElement(tag);
    if (kind) made.className = kind;
    made.append(...inside.filter((one) => one !== null && one !== undefined && one !== "")); // a string becomes a text node
    return made;
  }
  const amount = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
  const seconds = (s) => (s < 0.01 ? `${(s * 1000).toFixed(1)} ms` : s < 1 ? `${Math.round(s * 1000)} ms` : s < 120 ? `${s.toFixed(1)} s` : `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`);
  const dollars = (c) => `$${c < 1 ? c.toFixed(4) : c.toFixed(2)}`;
  const tokens = (u) => `${u[0].toLocaleString("en")} → ${u[1].toLocaleString("en")} tokens`;
  const when = (at) => { const d = new Date(at * 1000); return isNaN(d) ? "?" : d.toLocaleString("sv"); };
  const words = (...list) => list.filter(Boolean).join(" · ");

  // ---------------------------------------------------------------------------------------------------------- texts

  function shortened(text) {
    let end = text.length > CHARS ? CHARS : -1;
    for (let at = -1, n = 0; n < LINES; n++) {
      at = text.indexOf("\n", at + 1);
      if (at < 0 || (end >= 0 && at > end)) return end;
      if (n === LINES - 1) end = at;
    }
    return end;
  }

  function long(text, kind) {
    const box = el("p", `text ${kind || ""}`), end = shortened(text);
    box.dir = "auto";
    if (end < 0 || text.length - end < 120) { box.append(text); return box; }
    const shown = document.createTextNode(""), button = el("button", "fold");
    button.type = "button";
    const lines = text.slice(end + 1).split("\n").length;
    const rest = lines > 1 ? amount(lines, "more line") : amount(text.length - end, "more character");
    const holder = el("div", "long", box, button);
    holder.turn = (open) => {
      holder.open = open;
      shown.data = open ? text : text.slice(0, end) + " …";
      button.textContent = open ? "Show less" : `Show ${rest}`;
      button.setAttribute("aria-expanded", String(open));
    };
    button.addEventListener("click", () => holder.turn(!holder.open));
    box.append(shown);
    holder.turn(false);
    return holder;
  }

  function theme() {
    const root = document.documentElement, dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  }

  // ----------------------------------------------------------------------------------------------------------- keys

  // The keys of a page, and the box that tells them. `list`: [key, what it does, how]; `more` is asked first, and says whether it took the key.
  function keys(box, button, list, more) {
    const table = el("dl"), shown = new Map(), commands = new Map();
    for (const [key, what, how] of [...list, ["?", "these keys", open], ["Esc", "away with it"]]) {
      shown.set(what, [...(shown.get(what) || []), key]);
      if (how) commands.set(key, how);
    }
    for (const [what, all] of shown) table.append(el("dt", "", ...all.flatMap((key) => [el("kbd", "", key), " "])), el("dd", "", what));
    box.append(el("h2", "", "Keys"), table);
    button.addEventListener("click", open);
    document.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      if (more?.(event) || event.target.closest?.("input:not([type=checkbox]), textarea, select")) return;
      const command = commands.get(event.key);
      if (command) { event.preventDefault(); command(); }
    });
    for (const one of document.querySelectorAll("dialog")) one.addEventListener("click", (event) => { if (event.target === one) one.close(); });
    function open() { box.showModal(); }
  }

  const later = window.requestIdleCallback || ((work) => setTimeout(work, 1));

  return { $, el, amount, seconds, dollars, tokens, when, words, long, theme, keys, later };
})();
