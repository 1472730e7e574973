
const PAGE_LENGTH = 25;
const MOST_SLICES = 60;

/** The list of items: those that match, their order, and the page that is shown. */
class List {
  constructor(items) {
    this.items = items;
    this.matching = [];
    this.page = 0;
    this.current = null;
    this.untouched = false; // whether the list shows the worst items because nobody has asked for others
    this.open = () => {};
    this.controls = Object.fromEntries(["search", "show", "slice", "sort"].map((id) => [id, byId(id)]));
    this.offerSlices();
    byId("find").addEventListener("submit", (event) => event.preventDefault());
    for (const control of Object.values(this.controls)) {
      control.addEventListener(control.tagName === "SELECT" ? "change" : "input", () => {
        const { search, slice, show, sort } = this.controls;
        // Whoever searches has not asked for the worst items only.
        if (this.untouched && (control === search || control === slice)) [show.value, sort.value] = ["all", "run"];
        this.find();
      });
    }
    for (const preset of document.querySelectorAll(".presets button")) {
      preset.addEventListener("click", () => {
        this.controls.search.value = "";
        this.controls.slice.value = "";
        this.controls.show.value = preset.dataset.show;
        this.controls.sort.value = preset.dataset.sort;
        this.find();
      });
    }
    byId("before").addEventListener("click", () => this.turn(this.page - 1));
    byId("after").addEventListener("click", () => this.turn(this.page + 1));
  }

  /** Show the worst items that there are: turned wrong, else changed, else least aligned; all if there are none. */
  showWorst() {
    const { show, sort } = this.controls;
    this.untouched = true;
    for (const preset of document.querySelectorAll(".presets button")) {
      if (preset.dataset.show === "wrong") continue; // also of those that both models get wrong
      show.value = preset.dataset.show;
      sort.value = preset.dataset.sort;
      this.refresh();
      if (this.matching.length) return;
    }
  }

  offerSlices() {
    this.items.columns.forEach((column, c) => {
      const counts = new Array(column.values.length).fill(0);
      for (const code of column.codes) counts[code] += 1;
      const codes = column.values.map((_, code) => code);
      const frequent = codes.length > MOST_SLICES
        ? codes.sort((a, b) => counts[b] - counts[a]).slice(0, MOST_SLICES) : codes;
      const group = element("optgroup", { label: visible(column.name) });
      for (const code of frequent) {
        const words = `${visible(column.values[code])} (${counts[code].toLocaleString("en")})`;
        group.append(element("option", { value: `${c} ${code}` }, words));
      }
      this.controls.slice.append(group);
    });
  }

  /** Offer the conditions of the candidate that is shown; those of another one are no longer offered. */
  offerConditions() {
    const { items, controls } = this;
    if (this.offered === items.candidate) return;
    this.offered = items.candidate;
    this.conditions?.remove();
    this.conditions = element("optgroup", { label: "in common" }, ...items.conditions.map(({ words, items: matching }, k) =>
      element("option", { value: `common ${k}` }, `${capitalized(visible(words))} (${matching.length.toLocaleString("en")})`)));
    if (items.conditions.length) controls.slice.options[0].after(this.conditions);
  }

  /** Show the items that match a condition of the candidate that is shown. */
  showCondition(k) {
    const { search, show, slice, sort } = this.controls;
    this.offerConditions();
    search.value = "";
    show.value = "all";
    sort.value = "run";
    slice.value = `common ${k}`;
    this.find();
    byId("count").scrollIntoView({ block: "center" });
    slice.focus({ preventScroll: true });
  }

  /** The filter that is chosen as a slice, as a function of the item. */
  inSlice(value) {
    if (!value) return () => true;
    const [column, code] = value.split(" ");
    if (column === "common") {
      const matching = new Set(this.items.conditions[Number(code)].items);
      return (i) => matching.has(i);
    }
    const { codes } = this.items.columns[Number(column)];
    return (i) => codes[i] === Number(code);
  }

  /** Show the matching items, and open the first of them if the open item does not match. */
  find() {
    this.untouched = false;
    this.refresh();
    if (!this.matching.includes(this.current)) this.open(this.matching[0]);
  }

  refresh() {
    const { search, show, slice, sort } = this.controls;
    const { items } = this;
    const terms = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    this.offerConditions();
    const inSlice = this.inSlice(slice.value);
    const shows = this.shows(show.value);
    this.matching = [];
    for (let i = 0; i < items.count; i += 1) {
      if (!shows(i)) continue;
      if (!inSlice(i)) continue;
      if (terms.length && !terms.every((word) => items.searchable(i).includes(word))) continue;
      this.matching.push(i);
    }
    this.order(sort.value);
    if (items.measure) {
      byId("agreement-head").textContent = items.measure.name;
      byId("agreement-sort").textContent = `${items.measure.name}, least first`;
    }
    for (const preset of document.querySelectorAll(".presets button")) {
      const on = preset.dataset.show === show.value && preset.dataset.sort === sort.value && !terms.length && !slice.value;
      preset.setAttribute("aria-pressed", on);
    }
    this.turn(0);
  }

  shows(kind) {
    const { items } = this;
    const other = items.other;
    return {
      all: () => true,
      changed: (i) => items.changed(i),
      "right-wrong": (i) => items.changed(i) && items.right(0, i),
      "wrong-right": (i) => items.changed(i) && items.right(other, i),
      "wrong-wrong": (i) => items.changed(i) && !items.right(0, i) && !items.right(other, i),
      wrong: (i) => !items.right(other, i),
      explained: (i) => items.explainedAt.has(i),
    }[kind];
  }

  /** Sort items by descending key; equal ones stay in order. */
  order(kind) {
    const { items } = this;
    const other = items.other;
    const key = {
      confidence: (i) => items.confidence(other, i),
      shift: (i) => Math.abs(items.confidence(other, i) - items.confidence(0, i)),
      agreement: (i) => -(items.agreementOf(i) ?? 2),
    }[kind];
    if (!key) return;
    const keys = new Map(this.matching.map((i) => [i, key(i)]));
    this.matching.sort((a, b) => keys.get(b) - keys.get(a) || a - b);
  }

  turn(page) {
    const pages = Math.max(1, Math.ceil(this.matching.length / PAGE_LENGTH));
    this.page = Math.min(Math.max(page, 0), pages - 1);
    const first = this.page * PAGE_LENGTH;
    const shown = this.matching.slice(first, first + PAGE_LENGTH);
    byId("rows").replaceChildren(...shown.map((i) => this.row(i)));
    const [matching, all] = [this.matching.length, this.items.count].map((n) => n.toLocaleString("en"));
    byId("count").textContent = this.matching.length ? `${matching} of ${all} items` : `None of the ${all} items matches.`;
    byId("where").textContent = `page ${this.page + 1} of ${pages}`;
    byId("before").disabled = this.page === 0;
    byId("after").disabled = this.page === pages - 1;
    this.mark();
  }

  /** Turn to the page with the open item, if it is in the list. */
  reveal() {
    const at = this.matching.indexOf(this.current);
    if (at >= 0) this.turn(Math.floor(at / PAGE_LENGTH));
  }

  row(i) {
    const { items } = this;
    const answer = (model) => element("td", { className: "answer", "data-of": model ? "candidate" : "reference" }, isolated(items.labels[items.answers[model][i]]),
      " ", element("span", { className: "figure" }, items.confidence(model, i).toFixed(3)), rightness(items, model, i));
    const text = items.texts.map((texts) => texts[i]).join(" · ").replace(/\s+/g, " ");
    const agreement = items.agreementOf(i);
    const image = items.drawings?.map((drawing) => drawing?.images?.[i]).find(Boolean);
    const name = element("th", { scope: "row" }, image ? element("img", { className: image.pixelated ? "small pixelated" : "small", src: image.uri, alt: "" }) : null,
      element("a", { href: this.address(i) }, isolated(items.ids[i])),
      text ? element("span", { className: "excerpt" }, isolated(begun(text, 140))) : null);
    const row = element("tr", { className: items.changed(i) ? "changed" : "" }, name,
      answer(0), answer(items.other),
      items.measure ? element("td", { className: "figure", "data-of": items.measure.name }, agreement === null ? "–" : formatted(agreement, 2)) : null);
    row.dataset.at = i;
    return row;
  }

  /** The address that opens an item with the candidate that is shown. */
  address(i) {
    const { items } = this;
    return `#item=${encodeURIComponent(items.ids[i])}&candidate=${encodeURIComponent(items.models[items.other])}`;
  }

  mark() {
    for (const row of byId("rows").children) {
      const link = row.querySelector("a");
      if (Number(row.dataset.at) === this.current) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** The items before and after one in the list; null where there is none. */
  neighbours(i) {
    const at = this.matching.indexOf(i);
    return at < 0 ? [null, null] : [this.matching[at - 1] ?? null, this.matching[at + 1] ?? null];
  }
}

/** Whether an answer is right, as sign and word; nothing without labels. */
function rightness(items, model, i) {
  if (items.gold === null) return null;
  const right = items.right(model, i);
  return element("span", { className: right ? "is-right" : "is-wrong" }, right ? " ✓\u00a0right" : " ✗\u00a0wrong");
}
