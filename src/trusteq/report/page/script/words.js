
/** A weight closer to zero than this many standard errors may be no effect at all. */
const SURE = 2;

const METHOD_NAMES = { shapley: "Shapley", lime: "LIME", shap: "SHAP" };

/** The rank of each word by weight: 1 has the most, and of equal ones the earlier comes first. */
function ranks(weights) {
  const order = weights.map((_, i) => i).sort((a, b) => Math.abs(weights[b]) - Math.abs(weights[a]) || a - b);
  const rank = new Array(weights.length);
  order.forEach((unit, position) => { rank[unit] = position + 1; });
  return rank;
}

/** Both models' weights of an item's words by one method. */
function itemWeights(words, at, method, models) {
  const spans = [];
  for (let s = 0; s < words.spans[at].length; s += 3) spans.push(words.spans[at].slice(s, s + 3));
  const numbers = (table, model) => table[method][model][at].map((n) => (n === null ? 0 : n / words.digits));
  const sides = models.map((model) => {
    const weights = numbers(words.values, model);
    const errors = numbers(words.errors, model);
    const unsure = weights.map((weight, unit) => Math.abs(weight) < SURE * errors[unit]);
    return { weights, errors, unsure, rank: ranks(weights), target: words.targets[model][at] };
  });
  const largest = Math.max(...sides.flatMap((side) => side.weights.map(Math.abs)), 1e-9);
  const comparable = sides[0].target === sides[1].target;
  const differences = comparable ? sides[0].weights.map((weight, unit) => Math.abs(sides[1].weights[unit] - weight)) : [];
  return { spans, sides, largest, comparable, scale: Math.max(largest, ...differences), k: words.k };
}

/** One segment with one model's weights: every word on the shared scale, the k with the most weight with their rank. */
function highlighted(text, segment, side, weights) {
  const letters = [...text];
  const line = element("p", { className: "reading", dir: "auto" });
  let done = 0;
  const piece = (from, to) => visible(letters.slice(from, to).join(""));
  weights.spans.forEach(([ofSegment, start, end], unit) => {
    if (ofSegment !== segment || start >= letters.length) return;
    if (start > done) line.append(piece(done, start));
    const weight = side.weights[unit];
    const rank = side.rank[unit];
    const top = rank <= weights.k;
    const kind = `${weight < 0 ? "against" : "for"}${top ? " top" : ""}${side.unsure[unit] ? " unsure" : ""}`;
    const mark = element("span", { className: `unit ${kind}` }, piece(start, end));
    mark.style.setProperty("--strength", (Math.abs(weight) / weights.largest).toFixed(3));
    mark.title = `${signed(weight)} ± ${side.errors[unit].toFixed(3)}, rank ${rank}${side.unsure[unit] ? ", possibly no effect" : ""}`;
    if (top) mark.append(element("sup", { "aria-hidden": "true" }, String(rank)));
    line.append(mark);
    done = end;
  });
  if (done < letters.length) line.append(piece(done));
  return line;
}

const signed = (weight) => (weight > 0 ? "+" : "") + formatted(weight, 3);

/** The position of a unit among those of its segment. */
const positionIn = (spans, unit) => spans.slice(0, unit).filter(([segment]) => segment === spans[unit][0]).length;

/** Every word with both weights, the one with the most weight first. */
function wordTable(items, weights, names, texts, unit, unitNames) {
  const heads = [unit, ...(texts.length > 1 ? ["segment"] : []), ...names.flatMap((name) => [name, "rank"])];
  const order = weights.spans.map((_, unit) => unit)
    .sort((a, b) => Math.min(...weights.sides.map((s) => s.rank[a])) - Math.min(...weights.sides.map((s) => s.rank[b])) || a - b);
  const rows = order.map((unit) => {
    const [segment, start, end] = weights.spans[unit];
    const cells = weights.sides.flatMap((side) => [
      element("td", { className: "figure" }, `${signed(side.weights[unit])} ± ${side.errors[unit].toFixed(3)}`),
      element("td", { className: "figure" }, String(side.rank[unit])),
    ]);
    const name = unitNames(segment)?.[positionIn(weights.spans, unit)] ?? [...texts[segment]].slice(start, end).join("");
    return element("tr", {}, element("th", { scope: "row" }, isolated(name)),
      texts.length > 1 ? element("td", {}, isolated(items.segments[segment])) : null, ...cells);
  });
  const head = element("tr", {}, ...heads.map((name, i) =>
    element("th", { scope: "col", className: i < heads.length - 4 ? "" : "figure" }, isolated(name))));
  return element("details", {}, element("summary", {}, `Every ${unit} as a table`),
    element("div", { className: "scroll", role: "group", "aria-label": `Every ${unit}`, tabIndex: 0 },
      element("table", {}, element("caption", {}, `Weight of every ${unit}, ± standard error`),
        element("thead", {}, head), element("tbody", {}, ...rows))));
}

/** Both models' top words under the published protocol; shared ones are marked. */
function topWords(items, words, at, names, models) {
  const parts = words.methods.map((method, m) => {
    const tops = models.map((model) => words.tops[m][model][at]);
    const shared = new Set(tops[0].filter((word) => tops[1].includes(word)));
    const lists = tops.map((top, side) => element("div", {},
      element("h5", {}, isolated(names[side])),
      element("ol", { className: "tops" }, ...top.map((word) =>
        element("li", { className: shared.has(word) ? "shared" : "" }, isolated(word), shared.has(word) ? " (both)" : "")))));
    return element("div", {}, element("h4", {}, `Top words by ${METHOD_NAMES[method] ?? method}, first run`),
      element("div", { className: "sides" }, ...lists));
  });
  return element("div", {}, ...parts);
}
