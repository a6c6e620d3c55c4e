// The picture of how far each layer's keys and values move in each step, and the same as a table.

import { fillTable, refill, svg } from "./dom.js";
import { setSize } from "./charts.js";
import { digits } from "./text.js";

const PARTS = ["keys", "values"];
// The colours of viridis (Smith and van der Walt, matplotlib): lightness grows evenly, for any colour vision.
const VIRIDIS = [
  "#440154",
  "#482878",
  "#3e4989",
  "#31688e",
  "#26828e",
  "#1f9e89",
  "#35b779",
  "#6ece58",
  "#b5de2b",
  "#fde725",
];
const MARGIN = { top: 24, right: 8, bottom: 40, left: 38 };
const LEGEND_HEIGHT = 58;
const GAP = 20;
// Below the least width side by side, the parts stand one above the other.
const CELL = { height: 11, least: 7, most: 56 };

/** The relative update of a layer's part (0 keys, 1 values): the update's norm over the cache's. */
function relative(layer, part) {
  const [update, cache] = [layer.update[part], layer.cache[part]];
  if (update === 0) return 0;
  return cache > 0 ? update / cache : null;
}

/** Draws the traces of one seed: `traces` by step; `lastStep` leaves room for those that are to come. */
export function drawLayers(element, traces, lastStep, onCell) {
  const width = Math.floor(element.parentElement.clientWidth);
  if (width === 0 || traces.length === 0) return;
  const frame = frameOf(width, traces, lastStep);
  setSize(element, width, frame.height);
  const parts = PARTS.map((name, part) => partGroup(name, part, traces, frame));
  refill(element, gradient(), parts, legend(frame));
  element.setAttribute("aria-label", spoken(traces, frame.most));
  element.onpointermove = element.onpointerdown = (event) => {
    const cell = event.target.closest("[data-layer]");
    if (cell) onCell(cellText(traces, Number(cell.dataset.layer), Number(cell.dataset.step)));
  };
}

/** The same numbers as a table: a row for each layer, keys and values of each step. */
export function fillLayersTable(table, traces) {
  const headings = ["Layer", ...traces.flatMap(({ step }) => PARTS.map((name) => `step ${step} ${name}`))];
  const layers = Math.max(0, ...traces.map(({ layers }) => layers.length));
  const rows = Array.from({ length: layers }, (_, index) => ({
    cells: [
      String(index),
      ...traces.flatMap(({ layers }) =>
        PARTS.map((_, part) => (layers[index] ? digits(relative(layers[index], part)) : "-")),
      ),
    ],
    attributes: { "data-layer": index },
  }));
  fillTable(table, headings, rows);
}

function frameOf(width, traces, lastStep) {
  const layers = Math.max(...traces.map((trace) => trace.layers.length));
  const steps = Math.max(lastStep ?? 2, ...traces.map(({ step }) => step)) - 1;
  const widthIn = (columns) => ((width - (columns - 1) * GAP) / columns - MARGIN.left - MARGIN.right) / steps;
  const columns = widthIn(2) >= CELL.least ? 2 : 1;
  const cellWidth = Math.min(CELL.most, widthIn(columns));
  const panelHeight = MARGIN.top + layers * CELL.height + MARGIN.bottom;
  const panelWidth = MARGIN.left + cellWidth * steps + MARGIN.right;
  const values = traces.flatMap((trace) => trace.layers.flatMap((layer) => [relative(layer, 0), relative(layer, 1)]));
  return {
    width,
    layers,
    steps,
    columns,
    cellWidth,
    panelHeight,
    panelWidth,
    most: Math.max(...values.filter((value) => value !== null), 0),
    height: panelHeight * (2 / columns) + LEGEND_HEIGHT,
  };
}

function partGroup(name, part, traces, frame) {
  const [x, y] = frame.columns === 2 ? [part * (frame.panelWidth + GAP), 0] : [0, part * frame.panelHeight];
  const left = MARGIN.left;
  const title = svg("text", { x: left, y: 14, class: "axis-title" }, name);
  const ground = svg("rect", {
    x: left,
    y: MARGIN.top,
    width: frame.cellWidth * frame.steps,
    height: frame.layers * CELL.height,
    class: "ground",
  });
  const cells = traces.flatMap((trace) =>
    trace.layers.map((layer, index) => cell(trace, layer, { name, part, index }, frame)),
  );
  return svg("g", { transform: `translate(${x} ${y})` }, title, ground, cells, layerAxis(frame), stepAxis(frame));
}

function cell(trace, layer, { name, part, index }, frame) {
  const value = relative(layer, part);
  const title = `layer ${index}, step ${trace.step}, ${name}: ${digits(value)}`;
  return svg(
    "rect",
    {
      x: MARGIN.left + (trace.step - 2) * frame.cellWidth,
      y: MARGIN.top + index * CELL.height,
      width: frame.cellWidth,
      height: CELL.height,
      fill: value === null ? "none" : colour(value, frame.most),
      class: "cell",
      "data-layer": index,
      "data-step": trace.step,
      "data-part": name,
    },
    svg("title", {}, title),
  );
}

/** The colour of a value on the scale from 0 to `most`. */
function colour(value, most) {
  const place = most > 0 ? (value / most) * (VIRIDIS.length - 1) : 0;
  const below = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const mixed = [1, 3, 5].map((start) => {
    const [from, to] = [VIRIDIS[below], VIRIDIS[below + 1]].map((text) => parseInt(text.slice(start, start + 2), 16));
    return Math.round(from + (to - from) * (place - below))
      .toString(16)
      .padStart(2, "0");
  });
  return `#${mixed.join("")}`;
}

function layerAxis(frame) {
  const every = Math.max(1, Math.ceil(frame.layers / 10));
  const labels = [];
  for (let layer = 0; layer < frame.layers; layer += every) {
    const y = MARGIN.top + (layer + 0.5) * CELL.height + 4;
    labels.push(svg("text", { x: MARGIN.left - 6, y, class: "end" }, String(layer)));
  }
  const middle = MARGIN.top + (frame.layers * CELL.height) / 2;
  const name = svg("text", { transform: `translate(11 ${middle}) rotate(-90)`, class: "middle faint" }, "layer");
  return [labels, name].flat();
}

function stepAxis(frame) {
  const bottom = MARGIN.top + frame.layers * CELL.height;
  const every = Math.max(1, Math.ceil(22 / frame.cellWidth));
  const labels = [];
  for (let step = 2; step <= frame.steps + 1; step += every) {
    const x = MARGIN.left + (step - 1.5) * frame.cellWidth;
    labels.push(svg("text", { x, y: bottom + 16, class: "middle" }, String(step)));
  }
  const middle = MARGIN.left + (frame.cellWidth * frame.steps) / 2;
  return [...labels, svg("text", { x: middle, y: bottom + 32, class: "middle faint" }, "step")];
}

function gradient() {
  const stops = VIRIDIS.map((text, index) => svg("stop", { offset: index / (VIRIDIS.length - 1), "stop-color": text }));
  return svg("defs", {}, svg("linearGradient", { id: "viridis" }, stops));
}

/** The colour scale, which keys and values share so that they can be compared. */
function legend(frame) {
  const width = Math.min(260, frame.width - MARGIN.left - 40);
  const labels = [0, 0.5, 1].map((share) =>
    svg("text", { x: share * width, y: 41, class: "middle" }, digits(share * frame.most)),
  );
  return svg(
    "g",
    { transform: `translate(${MARGIN.left} ${frame.height - LEGEND_HEIGHT})` },
    svg("text", { x: 0, y: 11, class: "axis-title" }, "relative update, keys and values alike"),
    svg("rect", { x: 0, y: 16, width, height: 10, fill: "url(#viridis)", class: "scale" }),
    labels,
  );
}

function cellText(traces, layer, step) {
  const found = traces.find((trace) => trace.step === step)?.layers[layer];
  if (!found) return "";
  return `Layer ${layer}, step ${step}: keys ${digits(relative(found, 0))}, values ${digits(relative(found, 1))}`;
}

function spoken(traces, most) {
  const sentences = traces.map(({ step, layers }) => {
    const texts = PARTS.map((name, part) => {
      const values = layers.map((layer) => relative(layer, part) ?? 0);
      const largest = Math.max(...values);
      return `${name} at most ${digits(largest)}, in layer ${values.indexOf(largest)}`;
    });
    return `Step ${step}: ${texts.join("; ")}.`;
  });
  return `Relative update by layer and step, from 0 to ${digits(most)}. ${sentences.join(" ")}`;
}

/** The picture has nothing to show before step 2. */
export function hasLayers(traces) {
  return traces.some(({ layers }) => layers.length > 0);
}
