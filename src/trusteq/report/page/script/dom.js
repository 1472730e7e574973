
"use strict";

const byId = (id) => document.getElementById(id);

/** An element with properties, attributes (where the name has a dash or is a role), and children; texts stay texts. */
function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.includes("-") || name === "role" || name === "scope" || name === "for") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/* Unseen letters make up the flags of England, Scotland and Wales; elsewhere they hide text. */
const FLAGS = ["gbeng", "gbsct", "gbwls"].map((region) => `\u{1f3f4}${[...region]
  .map((letter) => String.fromCodePoint(0xe0000 + letter.codePointAt(0))).join("")}\u{e007f}`);
const COMMANDS = new RegExp(
  `${FLAGS.join("|")}|[\\0-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\u2028-\u202e\u2066-\u2069\u{e0000}-\u{e007f}]`, "gu");

/** The text with every character that would command what shows it, hide text or turn it replaced. */
const visible = (text) => text.replace(COMMANDS, (found) => (FLAGS.includes(found) ? found : "\ufffd"));

/** A text that keeps its own direction to itself. */
const isolated = (text) => element("bdi", {}, visible(text));

const sayable = (number, digits = 4) => number.toFixed(digits).replace("-", "\u2212");
