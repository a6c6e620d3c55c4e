// Line charts of one number per step: accuracy with its intervals, and log-likelihoods.

import { el, refill, svg } from "./dom.js";
import { digits, percent, percentRange, stepName, ticks } from "./text.js";

const PANEL_HEIGHT = 230;
const MARGIN = { top: 26, right: 14, bottom: 40, left: 58 };
const COLOURS = 6;
// Two panels stand side by side from this width on.
const WIDE = 620;
const POINT = 4.5;

/** Accuracy per step with Wilson intervals: `scores` are step records, `run` says seeds, steps and what is selected. */
export function drawAccuracy(element, scores, run) {
  const panel = {
    title: "accuracy, with 95 % Wilson intervals",
    series: seriesOf(
      scores,
      run,
      (score) => score.accuracy,
      (score) => score.interval,
    ),
    format: (value, decimals) => `${(100 * value).toFixed(Math.max(0, decimals - 2))} %`,
    describe: ({ score }) =>
      `${percent(score.accuracy)} (${percentRange(score.interval)}), ${score.correct} of ${score.n}`,
    within: [0, 1],
  };
  draw(element, [panel], run);
  element.setAttribute("aria-label", `Accuracy by step. ${spoken(panel)}`);
}

/** Mean margin and mean log-probability of the right choice per step, in nats. */
export function drawMargins(element, scores, run) {
  const panels = [
    ["margin", "margin (nats)"],
    ["right_loglik", "log-probability of the right choice (nats)"],
  ]
    .map(([key, title]) => ({
      title,
      series: seriesOf(
        scores,
        run,
        (score) => score[key],
        () => null,
      ),
      format: (value, decimals) => value.toFixed(decimals),
      describe: ({ value }) => digits(value),
      within: [-Infinity, Infinity],
    }))
    .filter(({ series }) => series.some(({ points }) => points.length > 0));
  draw(element, panels, run);
  const texts = panels.map((panel) => `${panel.title}: ${spoken(panel)}`);
  element.setAttribute("aria-label", `Log-likelihoods by step. ${texts.join(" ")}`);
}

/** What the marks of the charts mean, with the seeds' colours if there are several. */
export function fillLegend(element, seeds) {
  const item = (mark, text, colour = "c0") => {
    const icon = svg(
      "svg",
      { width: 22, height: 16, viewBox: "-11 -8 22 16", class: colour, "aria-hidden": "true" },
      mark,
    );
    return el("span", { class: "item" }, icon, text);
  };
  const marks = [
    item(pointMark(0, 0, 0), "zero-shot (step 0)"),
    item(pointMark(0, 0, 1), "in-context learning (step 1)"),
    item(pointMark(0, 0, 2), "tuned step"),
    item([pointMark(0, 0, 2), selectedRing(0, 0)], "selected step"),
  ];
  if (seeds.length === 1)
    marks.push(item(svg("line", { x1: -11, x2: 11, class: "reference" }), "level of in-context learning"));
  const colours =
    seeds.length < 2
      ? []
      : seeds.map((seed, index) =>
          item(svg("line", { x1: -11, x2: 11, class: "line" }), `seed ${seed}`, colourOf(index)),
        );
  refill(element, marks, colours);
}

function colourOf(index) {
  return `c${index % COLOURS}`;
}

function seriesOf(scores, run, valueOf, intervalOf) {
  return run.seeds.map((seed, index) => {
    const points = scores
      .filter((score) => score.seed === seed && Number.isFinite(valueOf(score)))
      .sort((one, other) => one.step - other.step)
      .map((score) => ({
        step: score.step,
        value: valueOf(score),
        interval: intervalOf(score),
        score,
        isSelected: run.selected.get(seed) === score.step,
      }));
    return { seed, colour: colourOf(index), points };
  });
}

function spoken({ series, describe }) {
  const isOne = series.length === 1;
  return series
    .filter(({ points }) => points.length > 0)
    .map(({ seed, points }) => {
      const texts = points.map(
        (point) => `step ${stepName(point.step)}${point.isSelected ? ", selected" : ""}: ${describe(point)}`,
      );
      return `${isOne ? "" : `Seed ${seed}: `}${texts.join("; ")}.`;
    })
    .join(" ");
}

function draw(element, panels, run) {
  // Zero while the chart is hidden: it is drawn again when it gets its width.
  const width = Math.floor(element.parentElement.clientWidth);
  if (width === 0) return;
  const columns = width >= WIDE ? Math.max(1, panels.length) : 1;
  const rows = Math.ceil(panels.length / columns);
  const height = Math.max(1, rows) * PANEL_HEIGHT;
  setSize(element, width, height);
  const groups = panels.map((panel, index) => {
    const [column, row] = [index % columns, Math.floor(index / columns)];
    const frame = frameOf(panel, run, Math.floor(width / columns));
    const place = `translate(${column * Math.floor(width / columns)} ${row * PANEL_HEIGHT})`;
    return svg("g", { transform: place }, panelParts(panel, frame));
  });
  refill(element, groups);
}

/** Gives an SVG its size in pixels of the page, so that its texts are as large as others. */
export function setSize(element, width, height) {
  element.setAttribute("viewBox", `0 0 ${width} ${height}`);
  element.setAttribute("width", width);
  element.setAttribute("height", height);
}

/** The scales of a panel: from steps and values to pixels. */
function frameOf({ series, within }, run, width) {
  const points = series.flatMap((one) => one.points);
  const [low, high] = valueRange(points, within);
  const last = Math.max(run.steps ?? 1, 1, ...points.map(({ step }) => step));
  const inner = {
    left: MARGIN.left,
    right: width - MARGIN.right,
    top: MARGIN.top,
    bottom: PANEL_HEIGHT - MARGIN.bottom,
  };
  return {
    ...inner,
    low,
    high,
    last,
    x: (step) => inner.left + 14 + (step / last) * (inner.right - inner.left - 28),
    y: (value) => inner.bottom - ((value - low) / (high - low)) * (inner.bottom - inner.top),
  };
}

function valueRange(points, [least, most]) {
  const values = points.flatMap(({ value, interval }) => [value, ...(interval ?? [])]).filter(Number.isFinite);
  if (values.length === 0) return Number.isFinite(least) ? [least, most] : [-1, 0];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = Math.max((high - low) * 0.08, 1e-3 * Math.max(1, Math.abs(high)));
  return [Math.max(least, low - room), Math.min(most, high + room)];
}

function panelParts(panel, frame) {
  const title = svg("text", { x: 4, y: 14, class: "axis-title" }, panel.title);
  return [
    title,
    valueAxis(panel, frame),
    stepAxis(frame),
    reference(panel.series, frame),
    panel.series.map((one, index) => seriesGroup(one, shiftOf(index, panel.series.length), panel, frame)),
  ];
}

/** Side by side, the intervals of several seeds can be told apart. */
function shiftOf(index, seeds) {
  return seeds > 1 ? (index - (seeds - 1) / 2) * Math.min(5, 20 / seeds) : 0;
}

function valueAxis({ format }, frame) {
  const { values, decimals } = ticks(frame.low, frame.high, 5);
  return values.map((value) => {
    const y = frame.y(value);
    return svg(
      "g",
      {},
      svg("line", { x1: frame.left, x2: frame.right, y1: y, y2: y, class: "grid" }),
      svg("text", { x: frame.left - 8, y: y + 4, class: "end" }, format(value, decimals)),
    );
  });
}

function stepAxis(frame) {
  const wanted = Math.max(1, Math.floor((frame.right - frame.left) / 40));
  const every = Math.max(1, Math.ceil(frame.last / wanted));
  const labels = [];
  for (let step = 0; step <= frame.last; step += every) {
    labels.push(svg("text", { x: frame.x(step), y: frame.bottom + 17, class: "middle" }, String(step)));
  }
  const middle = (frame.left + frame.right) / 2;
  return svg(
    "g",
    {},
    svg("line", { x1: frame.left, x2: frame.right, y1: frame.bottom, y2: frame.bottom, class: "axis" }),
    labels,
    svg("text", { x: middle, y: frame.bottom + 34, class: "middle faint" }, "step"),
  );
}

/** The level of in-context learning, with which steps are compared; with several seeds it would be as many lines. */
function reference(series, frame) {
  const point = series.length === 1 ? series[0].points.find(({ step }) => step === 1) : undefined;
  if (!point) return null;
  const y = frame.y(point.value);
  return svg("line", { x1: frame.left, x2: frame.right, y1: y, y2: y, class: "reference" });
}

function seriesGroup({ seed, colour, points }, shift, panel, frame) {
  // Zero-shot is no point on the way of the steps, so no line leads from it.
  const path = points
    .filter(({ step }) => step >= 1)
    .map(({ step, value }) => `${frame.x(step) + shift},${frame.y(value)}`)
    .join(" ");
  const name = panel.series.length > 1 ? `seed ${seed}, ` : "";
  return svg(
    "g",
    { class: colour },
    svg("polyline", { points: path, class: "line" }),
    points.map((point) =>
      pointGroup(
        point,
        frame.x(point.step) + shift,
        frame,
        `${name}step ${stepName(point.step)}: ${panel.describe(point)}`,
      ),
    ),
  );
}

function pointGroup({ step, value, interval, isSelected }, x, frame, title) {
  const y = frame.y(value);
  return svg(
    "g",
    { "data-step": step, class: isSelected ? "point selected" : "point" },
    svg("title", {}, title),
    interval ? intervalBar(x, frame.y(interval[1]), frame.y(interval[0])) : null,
    pointMark(x, y, step),
    isSelected ? selectedRing(x, y) : null,
    // A finger needs more room than the mark has.
    svg("rect", { x: x - 12, y: frame.top, width: 24, height: frame.bottom - frame.top, class: "target" }),
  );
}

function intervalBar(x, top, bottom) {
  return svg("path", { d: `M${x - 4} ${top}h8M${x} ${top}V${bottom}M${x - 4} ${bottom}h8`, class: "interval" });
}

/** A square for zero-shot, a diamond for in-context learning, a dot for a tuned step: told apart without colour. */
function pointMark(x, y, step) {
  if (step === 0)
    return svg("rect", { x: x - POINT, y: y - POINT, width: 2 * POINT, height: 2 * POINT, class: "hollow" });
  if (step === 1) {
    const r = POINT + 1.5;
    return svg("path", { d: `M${x} ${y - r}l${r} ${r}l${-r} ${r}l${-r} ${-r}z`, class: "hollow" });
  }
  return svg("circle", { cx: x, cy: y, r: POINT - 0.5, class: "dot" });
}

function selectedRing(x, y) {
  return svg("circle", { cx: x, cy: y, r: POINT + 3.5, class: "ring" });
}
