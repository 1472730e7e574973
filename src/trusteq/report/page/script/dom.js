
"use strict";

const byId = (id) => document.getElementById(id);

/** An element with properties, attributes (for names with a dash and a few others), and children; texts stay texts. */
function element(tag, properties = {}, ...children) {
  const created = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.includes("-") || name === "role" || name === "scope" || name === "for") created.setAttribute(name, value);
    else created[name] = value;
  }
  created.append(...children.filter((child) => child !== null));
  return created;
}

/* Invisible characters make up the flags of England, Scotland and Wales; elsewhere they can hide text. */
const FLAGS = ["gbeng", "gbsct", "gbwls"].map((region) => `\u{1f3f4}${[...region]
  .map((letter) => String.fromCodePoint(0xe0000 + letter.codePointAt(0))).join("")}\u{e007f}`);
const CONTROLS = new RegExp(
  `${FLAGS.join("|")}|[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\u2028-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]`, "gu");

/** The text with every control character, and every character that hides or reverses text, replaced. */
const visible = (text) => text.replace(CONTROLS, (match) => (FLAGS.includes(match) ? match : "\ufffd"));

/** The text, cut after so many letters as a reader counts them (joined emoji are one) if it is longer. */
function begun(text, length) {
  if (text.length <= length) return text;
  let kept = "";
  for (const { segment } of new Intl.Segmenter().segment(text.slice(0, 4 * length))) {
    if (kept.length + segment.length >= length) return `${kept.trimEnd()}…`;
    kept += segment;
  }
  return kept;
}

/** A text whose writing direction does not affect its surroundings. */
const isolated = (text) => element("bdi", {}, visible(text));

const formatted = (number, digits = 4) => number.toFixed(digits).replace("-", "\u2212");

const capitalized = (text) => text.charAt(0).toUpperCase() + text.slice(1);
