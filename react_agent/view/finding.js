// Searches the steps of a page. `here` gives the one that is looked at, `go` goes to one by its number, `open` unfolds one.
const finding = ({ blocks, here, go, open }) => {
  const { $, amount } = base;
  let found = [], sought = "";

  const UNSEEN = new Set(["kind", "key", "reading", "format", "status", "decision", "picture"]); // what of an item no reader sees
  const texts = (value) => (typeof value === "string" ? value : value && typeof value === "object" ? Object.entries(value).map(([name, one]) => (UNSEEN.has(name) ? "" : texts(one))).join("\n") : "");

  function search() {
    sought = $("search").value.trim().toLowerCase();
    found = sought ? blocks.filter((block) => (block.hay ??= block.items.map(texts).join("\n").toLowerCase()).includes(sought)) : [];
    document.body.classList.toggle("searching", sought !== "");
    for (const block of blocks) block.el?.classList.toggle("hit", found.includes(block));
    $("count").textContent = sought ? (found.length ? amount(found.length, "place") : "none") : "";
    mark();
  }

  function next(way) {
    if (!found.length) return;
    const places = found.map((block) => blocks.indexOf(block));
    const at = way > 0 ? places.find((place) => place > blocks.indexOf(here())) ?? places[0] : places.findLast((place) => place < blocks.indexOf(here())) ?? places.at(-1);
    go(at);
    if (sought && !blocks[at].el.textContent.toLowerCase().includes(sought)) open(blocks[at]);
    $("count").textContent = `${places.indexOf(at) + 1} of ${places.length}`;
    mark();
    reveal(blocks[at].el);
  }

  function* placesIn(element) {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      const node = walker.currentNode, text = node.data.toLowerCase();
      if (text.length !== node.data.length) continue;
      for (let at = text.indexOf(sought); at >= 0; at = text.indexOf(sought, at + sought.length)) {
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + sought.length);
        yield range;
      }
    }
  }

  // The first place of a step, which may be far down in a long text, or folded away.
  function reveal(element) {
    const range = sought && placesIn(element).next().value;
    if (!range) return;
    for (let fold; (fold = range.startContainer.parentElement.closest("details:not([open])")); ) fold.open = true;
    requestAnimationFrame(() => {
      const { top, bottom } = range.getBoundingClientRect();
      if (top < $("bar").offsetHeight || bottom > innerHeight) scrollBy(0, top - innerHeight / 3);
    });
  }

  function mark() {
    if (!window.Highlight || !CSS.highlights) return;
    const ranges = [];
    for (const block of sought ? new Set([...found.filter((one) => one === here()), ...found]) : []) { // what is looked at first
      if (!block.el || ranges.length > 2000) continue;
      for (const range of placesIn(block.el)) if (ranges.push(range) > 2000) break;
    }
    CSS.highlights.set("found", new Highlight(...ranges));
  }

  return { search, next, mark, forget: () => { found = []; }, hit: (block) => found.includes(block), on: () => sought !== "" };
};
