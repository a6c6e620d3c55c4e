// Making elements. Every text goes in as a text node, never as markup.

import { harmless, visibleParts } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";

/** The element with an id of index.html. */
export const byId = (id) => document.getElementById(id);

/** An HTML element with attributes (`true` for one without a value; null or false for none) and children. */
export function el(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** An SVG element, as `el`. */
export function svg(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
  return element;
}

/** A text of a plugin or file in the page: harmless, and isolated so that its direction stays its own. */
export function foreign(text, attributes = {}) {
  return el("bdi", { dir: "auto", ...attributes }, harmless(text));
}

/** Puts `children` in the place of all that is in `element`. */
export function refill(element, ...children) {
  element.replaceChildren(...children.flat(Infinity).filter((child) => child !== null && child !== undefined));
}

/**
 * Puts `options`, each `{value, text, disabled?}`, into a select. What a person has selected stays so if it is still
 * there; else `preferred` is selected, or the first one that can be.
 */
export function refillSelect(select, options, preferred) {
  const usable = options.filter(({ disabled }) => !disabled).map(({ value }) => value);
  refill(select, options.map(optionElement));
  const wanted = [CHOSEN.get(select), preferred].find((value) => usable.includes(value)) ?? usable[0];
  if (wanted !== undefined) select.value = wanted;
}

// What a person has selected, by select; an option that the page selects by itself is not in here.
const CHOSEN = new WeakMap();
document.addEventListener(
  "change",
  ({ target }) => {
    if (target instanceof HTMLSelectElement) CHOSEN.set(target, target.value);
  },
  { capture: true },
);

/** Forgets what a person has selected: it was about something else. */
export function forgetChoice(select) {
  CHOSEN.delete(select);
}

function optionElement({ value, text, disabled }) {
  return el("option", { value, disabled: Boolean(disabled), dir: "auto" }, text);
}

/** A table in a box that scrolls sideways: `headings` and `rows` of cells, of which the first is the row's heading. */
export function fillTable(table, headings, rows) {
  const head = el(
    "tr",
    {},
    headings.map((heading) => el("th", { scope: "col" }, heading)),
  );
  refill(table, el("thead", {}, head), el("tbody", {}, rows.map(tableRow)));
}

function tableRow({ cells, attributes }) {
  const [heading, ...others] = cells;
  return el(
    "tr",
    attributes,
    el("th", { scope: "row" }, heading),
    others.map((cell) => el("td", {}, cell)),
  );
}

/** The tokens of a text, each a `span.token`; those from `scoredFrom` on are marked as scored. */
export function tokenSpans(tokens, scoredFrom = Infinity) {
  return tokens.map((token, index) => {
    const kind = index >= scoredFrom ? "token scored" : "token";
    const text = String(token.text ?? "");
    // Part of a character has no text of its own.
    const parts = text === "" ? [el("span", { class: "escape" }, `<${token.id}>`)] : visibleText(text);
    return el("span", { class: kind, title: `token ${index}, id ${token.id}` }, parts);
  });
}

/** A text with its white space and its invisible characters made visible; what is copied is the text itself. */
export function visibleText(text) {
  return visibleParts(text).map((part) =>
    part.kind === "plain" ? part.text : el("span", { class: part.kind }, part.text),
  );
}

/** Shows a message in an element that is hidden while it has none. */
export function say(element, text) {
  element.hidden = !text;
  element.textContent = text ?? "";
}
