
/** One item: both models' probabilities, and both models' words. */
class Item {
  constructor(items, words, list) {
    Object.assign(this, { items, words, list, holder: byId("item") });
    this.holder.addEventListener("keydown", (event) => this.key(event));
  }

  show(i, { focus = false } = {}) {
    const { items, list, holder } = this;
    this.at = i;
    byId("astray").hidden = true;
    list.current = i;
    list.mark();
    const names = [items.models[0], items.models[items.other]];
    const texts = items.texts.map((ofItems) => ofItems[i]);
    const explained = items.explainedAt.get(i);
    const title = element("h3", { id: "item-title", tabIndex: -1 }, "Item ", isolated(items.ids[i]));
    holder.replaceChildren(...[
      title, this.steps(i), this.facts(i), this.probabilities(i, names),
      explained === undefined ? this.plain(texts, i) : this.explained(explained, texts, names, i),
    ].filter((part) => part !== null));
    holder.hidden = false;
    if (focus) {
      const top = holder.getBoundingClientRect().top;
      if (top < 0 || top > innerHeight * 0.6) holder.scrollIntoView();
      title.focus({ preventScroll: true });
    }
  }

  /** Show no item. */
  hide() {
    this.at = undefined;
    byId("astray").hidden = true;
    this.holder.hidden = true;
    this.list.current = null;
    this.list.mark();
  }

  steps(i) {
    const [before, after] = this.list.neighbours(i);
    const step = (at, words, key) => at === null ? null
      : element("a", { href: this.list.address(at), title: `key ${key}`, "aria-keyshortcuts": key }, words);
    return element("nav", { className: "steps", "aria-label": "Item" },
      step(before, "← previous", "p"), step(after, "next →", "n"),
      element("a", { className: "to-list", href: "#count" }, "↑ list"),
      element("a", { href: this.list.address(i) }, "link to this item"));
  }

  /** Inside the item, the keys n and p go to the next and the previous one. */
  key(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    this.holder.querySelector(`.steps a[aria-keyshortcuts="${CSS.escape(event.key)}"]`)?.click();
  }

  facts(i) {
    const { items } = this;
    const facts = items.columns.map((column) => [column.name, column.values[column.codes[i]]]);
    if (!facts.length) return null;
    return element("dl", { className: "facts" }, ...facts.map(([name, value]) =>
      element("div", {}, element("dt", {}, isolated(name)), element("dd", {}, isolated(value)))));
  }

  probabilities(i, names) {
    const { items } = this;
    const models = [0, items.other];
    const rows = items.labelsOf(i).map((label, nth) => {
      const isGold = items.gold !== null && items.gold[i] === label;
      const cells = models.map((model, side) => {
        const p = items.probability(model, i, nth);
        const answered = items.answers[model][i] === label;
        const bar = element("span", { className: `bar ${side ? "candidate" : "reference"}`, "aria-hidden": "true" });
        bar.style.setProperty("--share", p);
        return element("td", { className: "probability" }, bar,
          element("span", { className: answered ? "figure answered" : "figure" }, p.toFixed(4)),
          answered ? element("span", { className: "note" }, "answer") : null);
      });
      return element("tr", {}, element("th", { scope: "row" }, isolated(items.labels[label]),
        isGold ? element("span", { className: "note" }, "label") : null), ...cells);
    });
    const heads = [element("td"), ...names.map((name, side) => element("th", { scope: "col" },
      element("span", { className: `swatch ${side ? "candidate" : "reference"}`, "aria-hidden": "true" }), isolated(name),
      rightness(items, models[side], i)))];
    const rest = items.shown === null || items.whole ? "" : " All other labels have lower probabilities.";
    return element("table", { className: "probabilities" },
      element("caption", {}, `Probability of each label, by model.${rest}`),
      element("thead", {}, element("tr", {}, ...heads)), element("tbody", {}, ...rows));
  }

  /** The texts of an item that was not explained, and why it was not. */
  plain(texts, i) {
    if (!texts.length) return null;
    return element("div", {}, this.plainTexts(texts, i), element("p", { className: "fine" }, this.items.unexplained));
  }

  explained(at, texts, names, i) {
    const { items, words } = this;
    const models = [0, items.other];
    if (words.kind === "tops") return element("div", {}, this.plainTexts(texts, i), topWords(items, words, at, names, models));
    const weights = itemWeights(words, at, items.method, models);
    const agreement = items.measure.values[items.candidate][at];
    const parts = texts.map((text, segment) => element("section", { className: "segment", "aria-label": visible(items.segments[segment]) },
      element("h4", {}, isolated(items.segments[segment])), this.weighed(text, segment, weights, names, at, i)));
    const unitNames = (segment) => {
      const drawing = items.drawings?.[segment];
      return drawing ? drawing.names[drawing.name[at]] : null;
    };
    const score = agreement === null ? "" : ` The ${items.measure.what} is ${formatted(agreement, 2)} here, noise included.`;
    return element("div", { className: "explained" }, this.methods(), ...this.legends(weights, names), ...parts,
      element("p", { className: "fine" }, `${this.aim(weights, names)}${score}`), wordTable(items, weights, names, texts, words.unit, unitNames));
  }

  /** One segment with both models' weights. */
  weighed(text, segment, weights, names, at, i) {
    const drawing = this.items.drawings?.[segment];
    if (drawing?.form === "area") return areas(drawing, at, i, segment, weights, names, this.words.unit);
    if (drawing?.form === "bars") return valueBars(drawing, at, segment, weights, names, this.words.unit);
    return element("div", { className: "sides" }, ...weights.sides.map((side, s) => element("div", {},
      element("h5", {}, element("span", { className: `swatch ${s ? "candidate" : "reference"}`, "aria-hidden": "true" }), isolated(names[s])),
      highlighted(text, segment, side, weights))));
  }

  /** The segments of an item, without any weights. */
  plainTexts(texts, i) {
    return element("div", {}, ...texts.map((text, segment) => element("div", {},
      element("h4", {}, isolated(this.items.segments[segment])), this.plainSegment(text, segment, i))));
  }

  plainSegment(text, segment, i) {
    const drawing = this.items.drawings?.[segment];
    if (drawing?.form !== "area") return element("p", { className: "reading", dir: "auto" }, visible(text));
    const image = drawing.images[i];
    return image ? element("div", { className: drawing.broad ? "areas broad" : "areas" }, element("figure", {}, original(image)))
      : absent(drawing);
  }

  methods() {
    if (this.words.methods.length < 2) return null;
    const choices = this.words.methods.map((method, m) => {
      const input = element("input", { type: "radio", name: "method", value: String(m), checked: m === this.items.method });
      input.addEventListener("change", () => {
        this.items.method = m;
        this.list.refresh();
        this.list.reveal();
        this.show(this.at);
        this.holder.querySelector(`input[name="method"][value="${m}"]`).focus();
      });
      return element("label", {}, input, element("span", {}, METHOD_NAMES[method] ?? method));
    });
    return element("fieldset", { className: "switch" }, element("legend", {}, `${capitalized(this.words.units)} by`), ...choices);
  }

  /** What the marks say, for each form in which segments are shown. */
  legends(weights, names) {
    const { items, words } = this;
    const forms = new Set(items.segments.map((_, segment) => items.drawings?.[segment]?.form ?? "text"));
    const legends = forms.has("text") ? [this.legend(weights, names)] : [];
    if (forms.size === 1 && forms.has("text")) return legends;
    const target = this.explainedFor(weights, names);
    const sample = (kind, text) => element("span", { className: `sample ${kind}` }, text);
    if (forms.has("area")) {
      legends.push(element("p", { className: "legend" }, sample("for", "supports"), " ", sample("against", "opposes"), " ", ...target,
        ", the stronger the colour, the more; all drawings are on one scale. Numbers are ranks: ",
        `the top ${weights.k} ${words.units} of a model, with a solid line if they support and a dashed one if they oppose. `,
        sample("unsure", "Faint"), ": within two standard errors of zero, so there may be no effect."));
    } else if (forms.has("bars")) {
      legends.push(element("p", { className: "legend" }, sample("for", "to the right"), " supports, ", sample("against", "to the left"), " opposes ",
        ...target, "; both models on one scale. ", sample("unsure", "Faint"), ": within two standard errors of zero, so there may be no effect."));
    }
    return legends;
  }

  legend(weights, names) {
    const sample = (kind, words) => {
      const mark = element("span", { className: `unit ${kind}` }, words);
      mark.style.setProperty("--strength", "0.75");
      return mark;
    };
    return element("p", { className: "legend" }, sample("for", "supports"), " ", sample("against", "opposes"),
      " ", ...this.explainedFor(weights, names), "; the thicker the line, the stronger. ",
      `The darkest shade is ${weights.largest.toFixed(3)} for both models. A number is the rank among the top ${weights.k} ${this.words.units}. `,
      sample("unsure", "faint and dotted"), ": within two standard errors of zero, so there may be no effect.");
  }

  /** The label that the weights are about, and whose answer it is. */
  explainedFor(weights, names) {
    const { items, at } = this;
    const [target, other] = weights.sides.map((side) => side.target);
    const quoted = (label) => ["'", isolated(items.labels[label]), "'"];
    if (target !== other) return [...quoted(target), " in ", isolated(names[0]), ", ", ...quoted(other), " in ", isolated(names[1])];
    const [reference, candidate] = [0, items.other].map((model) => items.answers[model][at] === target);
    const whose = reference && candidate ? ", the answer of both" : reference ? ", the reference's answer"
      : candidate ? ", the candidate's answer" : items.gold !== null && items.gold[at] === target ? ", the item's label" : "";
    return [...quoted(target), whose];
  }

  aim(weights, names) {
    const { items, words } = this;
    const [a, b] = weights.sides.map((side) => visible(items.labels[side.target]));
    const scale = words.scale === "log-odds" ? "log-odds" : "probability";
    const merged = words.merged ? " Equal words are one unit, marked where it first occurs." : "";
    return a === b ? `What each ${words.unit} adds to the ${scale} of ${a}.${merged}`
      : `What each ${words.unit} adds to the ${scale} of ${a} in ${names[0]}, of ${b} in ${names[1]}.${merged}`;
  }
}
