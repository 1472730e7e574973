
/* The name of SVG looks like an address, but nothing is fetched; a reader who searches the page for addresses finds none. */
const SVG = ["http:", "", "www.w3.org", "2000", "svg"].join("/");

/** An element of a drawing with its attributes and children. */
function shape(tag, attributes = {}, ...children) {
  const created = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) created.setAttribute(name, value);
  created.append(...children);
  return created;
}

/** One picture or sound as it is. */
function original(image) {
  const [width, height] = image.size;
  const created = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": visible(image.alt) });
  created.append(pixels(image));
  return created;
}

function pixels(image) {
  const [width, height] = image.size;
  return shape("image", { href: image.uri, width, height, preserveAspectRatio: "none", class: image.pixelated ? "pixelated" : "" });
}

/** The weights of a segment's units as colours on its area, all drawings of an item on one scale. */
function heatMap(area, image, weights, names, title) {
  const [width, height] = area.size;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title });
  svg.append(shape("rect", { width, height, class: "empty" }));
  if (image) svg.append(pixels(image));
  weights.forEach(({ value, error, unsure, rank, scale }, unit) => {
    const [left, top, wide, high] = area.boxes[unit];
    const outline = area.outlines[unit];
    const place = outline ? shape("path", { d: outline }) : shape("rect", { x: left, y: top, width: wide, height: high });
    const kind = `${value < 0 ? "against" : "for"}${unsure ? " unsure" : ""}${rank ? " top" : ""}`;
    const group = shape("g", { class: kind }, place);
    group.style.setProperty("--strength", Math.min(1, Math.abs(value) / scale).toFixed(3));
    const words = shape("title");
    words.textContent = `${visible(names[unit])}: ${signed(value)} ± ${error.toFixed(3)}${rank ? `, rank ${rank}` : ""}${unsure ? ", possibly no effect" : ""}`;
    group.append(words);
    if (rank) {
      const size = Math.min(Math.max(Math.min(wide, high) * 0.42, Math.min(width, height) * 0.06), Math.min(width, height) * 0.13);
      const label = shape("text", { x: left + wide / 2, y: top + high / 2, "font-size": size.toFixed(2), "stroke-width": (size / 6).toFixed(2), "aria-hidden": "true" });
      label.textContent = String(rank);
      group.append(label);
    }
    svg.append(group);
  });
  return svg;
}

/** The weights of one segment's units: by model, and what the candidate's are more than the reference's. */
function segmentWeights(weights, segment) {
  const units = weights.spans.flatMap(([of], unit) => (of === segment ? [unit] : []));
  const sides = weights.sides.map((side) => units.map((unit) => ({
    unit, value: side.weights[unit], error: side.errors[unit], unsure: side.unsure[unit],
    rank: side.rank[unit] <= weights.k ? side.rank[unit] : 0, scale: weights.scale,
  })));
  const differences = sides[0].map((reference, nth) => {
    const candidate = sides[1][nth];
    const [value, error] = [candidate.value - reference.value, Math.hypot(candidate.error, reference.error)];
    return { value, error, unsure: Math.abs(value) < SURE * error, rank: 0, scale: weights.scale };
  });
  return { units, sides, differences };
}

/** A segment that is an area: as it is, with each model's weights, and with their difference. */
function areas(drawing, at, i, segment, weights, models, unit) {
  const image = drawing.images[i];
  const area = drawing.areas[drawing.area[at]];
  const names = drawing.names[drawing.name[at]];
  const panel = (svg, ...caption) => element("figure", {}, svg, element("figcaption", {}, ...caption));
  const swatch = (s) => element("span", { className: `swatch ${s ? "candidate" : "reference"}`, "aria-hidden": "true" });
  const panels = image ? [panel(original(image), `the ${drawing.kind} ${drawing.kind.endsWith("s") ? "themselves" : "itself"}`)] : [];
  const { sides, differences } = segmentWeights(weights, segment);
  if (area) {
    sides.forEach((side, s) => panels.push(panel(
      heatMap(area, image, side, names, `Weights in ${visible(models[s])}; the table below has them all`), swatch(s), isolated(models[s]))));
    if (weights.comparable) {
      panels.push(panel(heatMap(area, image, differences, names, `Difference of the weights in the two models`),
        "candidate − reference"));
    }
  }
  return element("div", {}, element("div", { className: drawing.broad ? "areas broad" : "areas" }, ...panels),
    image ? null : absent(drawing), area ? colourScale(weights, unit) : null);
}

/** That an item's picture or sound is not shown. */
const absent = ({ kind }) => element("p", { className: "fine" }, `The ${kind} ${kind.endsWith("s") ? "are" : "is"} not on this page.`);

/** What the colours say: one scale for both models and their difference. */
function colourScale(weights, unit) {
  const end = weights.scale.toFixed(3);
  return element("div", { className: "colours" },
    element("span", { className: "figure" }, `\u2212${end}`),
    element("span", { className: "ramp", role: "img", "aria-label": `Colours from ${unit}s that oppose to those that support` }),
    element("span", { className: "figure" }, `+${end}`));
}

/** A segment whose units have values: each one's value, and its weight in each model as a bar on one scale. */
function valueBars(drawing, at, segment, weights, models, unit) {
  const names = drawing.names[drawing.name[at]];
  const values = drawing.values[at];
  const { units, sides } = segmentWeights(weights, segment);
  const best = (nth) => Math.min(...weights.sides.map((side) => side.rank[units[nth]]));
  const order = units.map((_, nth) => nth).sort((a, b) => best(a) - best(b) || a - b);
  const shown = order.slice(0, MOST_BARS);
  const bar = ({ value, error, unsure, rank }, s) => {
    const mark = element("span", { className: `weight ${value < 0 ? "against" : "for"}${unsure ? " unsure" : ""}`, "aria-hidden": "true" });
    mark.style.setProperty("--share", Math.min(1, Math.abs(value) / weights.largest).toFixed(3));
    return element("td", { className: "weighed", "data-of": visible(models[s]) }, element("span", { className: "track", "aria-hidden": "true" }, mark),
      element("span", { className: rank ? "figure top" : "figure" }, `${signed(value)} ± ${error.toFixed(3)}`,
        rank ? element("span", { className: "note" }, `rank ${rank}`) : null));
  };
  const rows = shown.map((nth) => element("tr", {}, element("th", { scope: "row" }, isolated(names[nth]),
    element("span", { className: values[nth] === "missing" ? "value missing" : "value" }, isolated(values[nth]))),
  ...sides.map((side, s) => bar(side[nth], s))));
  const heads = models.map((name, s) => element("th", { scope: "col" },
    element("span", { className: `swatch ${s ? "candidate" : "reference"}`, "aria-hidden": "true" }), isolated(name)));
  const rest = order.length - shown.length;
  return element("div", {}, element("table", { className: "bars" }, element("caption", { className: "unseen" }, `Weight of each ${unit}`),
    element("thead", {}, element("tr", {}, element("th", { scope: "col" }, `${unit} and value`), ...heads)), element("tbody", {}, ...rows)),
  rest ? element("p", { className: "fine" }, `And ${rest.toLocaleString("en")} of less weight, in the table below.`) : null);
}

const MOST_BARS = 30;
