// Pure functions: texts made fit to be shown, numbers as they are read, and probabilities. No document in here.

// Unicode's categories Cc, Cf, Zl and Zp, and the block of tags: what can end a line, turn the direction of writing, or
// hide.
const HARMFUL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u{e0000}-\u{e007f}]/gu;
const SEPARATOR = new RegExp(` |${HARMFUL.source}`, "gu");
const NAMED_ESCAPES = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** A character as an escape that can be read: `\n`, `\u{202e}`. */
function escaped(character) {
  return NAMED_ESCAPES[character] ?? `\\u{${character.codePointAt(0).toString(16)}}`;
}

/** `text` on one line, with visible escapes in the place of all that could rearrange a page or hide in it. */
export function harmless(text) {
  return String(text ?? "").replace(HARMFUL, escaped);
}

/** `text` made harmless and cut to about `limit` characters. */
export function short(text, limit) {
  // Cut before the escapes are made, so that none is cut in half.
  const characters = Array.from(String(text ?? "").slice(0, 2 * limit));
  const isWhole = characters.length <= limit && String(text ?? "").length <= 2 * limit;
  return isWhole ? harmless(text) : `${harmless(characters.slice(0, limit).join(""))}…`;
}

/** A text in parts `{kind, text}`: `plain`, `space`, `tab`, `newline`, or `escape` with the text of its escape. */
export function visibleParts(text) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(SEPARATOR)) {
    if (match.index > end) parts.push({ kind: "plain", text: text.slice(end, match.index) });
    parts.push(separatorPart(match[0]));
    end = match.index + match[0].length;
  }
  if (end < text.length) parts.push({ kind: "plain", text: text.slice(end) });
  return parts;
}

function separatorPart(character) {
  const kind = { " ": "space", "\t": "tab", "\n": "newline" }[character];
  return kind ? { kind, text: character } : { kind: "escape", text: escaped(character) };
}

/** What is shown where there is no number. */
export const NONE = "-";

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** A share in percent: `81.2 %`. */
export function percent(share) {
  return isNumber(share) ? `${(100 * share).toFixed(1)} %` : NONE;
}

/** A range of shares: `78.7-83.5 %`. */
export function percentRange(range) {
  if (!Array.isArray(range) || !range.every(isNumber)) return NONE;
  return `${(100 * range[0]).toFixed(1)}-${(100 * range[1]).toFixed(1)} %`;
}

/** A difference of shares in percentage points, with its sign: `+1.2`. */
export function points(difference) {
  return isNumber(difference) ? signed((100 * difference).toFixed(1)) : NONE;
}

/** A difference in percentage points with its interval: `+1.2 (-0.3 to +2.6)`. */
export function pointsWithInterval(difference, interval) {
  const range = Array.isArray(interval) ? ` (${points(interval[0])} to ${points(interval[1])})` : "";
  return `${points(difference)}${range}`;
}

function signed(rounded) {
  const value = Number(rounded);
  return value === 0 ? rounded.replace("-", "") : value > 0 ? `+${rounded}` : rounded;
}

/** A number with three significant digits: `0.0123`, `1.2e-7`. */
export function digits(value) {
  if (!isNumber(value)) return NONE;
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 0.001 && size < 1e5 ? plain(value, size) : value.toExponential(2);
}

function plain(value, size) {
  // `toPrecision` writes 12345 as 1.23e+4.
  return size >= 999.5 ? value.toFixed(0) : value.toPrecision(3);
}

/** A whole number with thin groups of three digits: `12 345`. */
export function count(value) {
  return isNumber(value) ? String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f") : NONE;
}

/** A size in decimal units: `538 MB`. */
export function size(bytes) {
  if (!isNumber(bytes)) return NONE;
  if (bytes < 1e6) return `${Math.ceil(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(0)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

/** A step's number with the name that steps 0 and 1 have: `1 (in-context learning)`. */
export function stepName(step) {
  const name = { 0: "zero-shot", 1: "in-context learning" }[step];
  return name ? `${step} (${name})` : String(step);
}

/** The softmax of log-likelihoods; null for a list that has a value that is no number. */
export function softmax(logliks) {
  if (!Array.isArray(logliks) || !logliks.every(isNumber)) return null;
  const largest = Math.max(...logliks);
  const weights = logliks.map((loglik) => Math.exp(loglik - largest));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/** Where the largest value is; -1 in an empty list. */
export function largestIndex(values) {
  return values.reduce((best, value, index) => (best < 0 || value > values[best] ? index : best), -1);
}

/** Round numbers from `low` to `high` for an axis, about as many as `wanted`, and the decimals that tell them apart. */
export function ticks(low, high, wanted) {
  const rough = (high - low) / wanted;
  const power = Math.floor(Math.log10(rough));
  // Powers of ten below one are not exact in floating point, their reciprocals are.
  const unit = (factor) => (power < 0 ? factor / 10 ** -power : factor * 10 ** power);
  const step = [1, 2, 5, 10].map(unit).find((candidate) => candidate >= 0.999 * rough);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  // Adding 0 makes 0 of -0.
  const values = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step + 0);
  return { values, decimals: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

/** The step of a run's context by its name, `runs/r1/3`; null for the name of another context. */
export function stepOfContext(name) {
  const match = /^runs\/.*\/(\d+)$/.exec(name);
  return match ? Number(match[1]) : null;
}
