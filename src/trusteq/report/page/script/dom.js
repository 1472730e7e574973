
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

/** The text with every character that would command what shows it replaced, one for one, so that places stay. */
const visible = (text) =>
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

/** A text that keeps its own direction to itself. */
const isolated = (text) => element("bdi", {}, visible(text));

const sayable = (number, digits = 4) => number.toFixed(digits).replace("-", "\u2212");
