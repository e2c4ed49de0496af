// A page that is served may decide on a call that waits; `react-agent resume` then goes on. `live` is where the run is asked for, `given` draws arguments.
const reviewing = (live, given) => {
  const { el } = base;
  return (call) => {
    const said = el("span", "aware"), buttons = [];
    const decide = async (decision, text) => {
      buttons.forEach((one) => { one.disabled = true; });
      const body = JSON.stringify({ step: call.step, index: call.index, decision, text });
      try {
        const answer = await fetch(`${live}/review`, { method: "POST", headers: { "Content-Type": "application/json" }, body });
        said.textContent = answer.ok ? "It is written down." : await answer.text();
        if (!answer.ok) buttons.forEach((one) => { one.disabled = false; });
      } catch { said.textContent = "The server is away."; }
    };
    const button = (name, decision, field) => {
      const made = el("button", "", name);
      made.type = "button";
      made.addEventListener("click", () => decide(decision, field ? field.value : ""));
      buttons.push(made);
      return made;
    };
    const field = (tag, name, value) => {
      const made = el(tag);
      made.setAttribute("aria-label", name);
      made.placeholder = name;
      made.value = value || "";
      return made;
    };
    const reason = field("input", "Why not? The model is told."), other = field("textarea", "Other arguments, as JSON", call.json), result = field("textarea", "Its result, without running it");
    const more = el("details", "", el("summary", "", "Other arguments, or a result of your own"),
      el("div", "", el("div", "row", other, button("Run with these", "change", other)), el("div", "row", result, button("Give this", "result", result))));
    const box = el("section", "review", el("span", "tag", `${call.step}.${call.index} waits`), el("b", "mono", call.name), ` · ${call.question || ""}`, given(call.arguments),
      el("div", "row", button("Approve", "approve"), reason, button("Deny", "deny", reason)), more, said);
    box.id = `review-${Number(call.step)}-${Number(call.index)}`;
    return box;
  };
};
