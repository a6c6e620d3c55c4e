// The run that is shown: its state, charts, tables, demonstrations and command line.

import { drawAccuracy, drawMargins, fillLegend } from "./charts.js";
import { byId, el, fillTable, foreign, refill, refillSelect, say, tokenSpans, visibleText } from "./dom.js";
import { drawLayers, fillLayersTable, hasLayers } from "./layers.js";
import { count, digits, harmless, NONE, percent, percentRange, pointsWithInterval, short, stepName } from "./text.js";

const STATES = ["queued", "running", "done", "failed", "stopped"];
const TOKENS_HELP = "Each box is a token; a dot is a space, ↵ a line feed.";

/** Draws a run, as often as it changes; several changes before the next frame are drawn once. */
export class RunView {
  #run = null;
  // What the page has of the run, so that a part is made anew only when it changes.
  #shown = {};
  #isScheduled = false;

  constructor() {
    new ResizeObserver(() => this.changed()).observe(byId("run-body"));
    byId("layers-seed").addEventListener("change", () => this.changed());
  }

  /** Shows another run; none with null. */
  show(run) {
    this.#run = run;
    this.#shown = {};
    byId("layers-cell").textContent = "Point at a cell, or tap it, to read its numbers.";
    byId("announcement").textContent = "";
    say(byId("connection"), "");
    this.#draw();
  }

  /** The run that is shown has changed. */
  changed() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#draw();
    });
  }

  #draw() {
    const run = this.#run;
    byId("run-body").hidden = run === null;
    byId("no-run").hidden = run !== null;
    document.title = run ? `${harmless(run.id)}, ${harmless(run.state)} - ft-host` : "ft-host";
    byId("run-title").textContent = run ? `Run ${harmless(run.id)}` : "No run is shown";
    byId("prompt-button").hidden = run === null;
    if (run === null) return;
    drawFacts(run);
    drawProgress(run);
    const width = byId("run-body").clientWidth;
    this.#once("notes", run.revision.notes, () => drawNotes(run));
    this.#once("figures", `${run.revision.figures}/${width}/${byId("layers-seed").value}`, () => drawFigures(run));
    // A reader may have scrolled or selected in it.
    this.#once("demonstrations", run.facts.demonstrations ?? null, drawDemonstrations);
    drawCommand(run);
    this.#announce(run);
  }

  /** Draws a part of the page if what it shows is not what it was. */
  #once(part, shows, draw) {
    if (Object.hasOwn(this.#shown, part) && this.#shown[part] === shows) return;
    this.#shown[part] = shows;
    draw(shows);
  }

  /** Says each scored step once to readers who do not see the charts. */
  #announce(run) {
    const last = run.scores.at(-1);
    if (!last || run.isEnded) return;
    const text = `Step ${stepName(last.step)} is scored: accuracy ${percent(last.accuracy)}.`;
    this.#once("announcement", text, () => {
      byId("announcement").textContent = text;
    });
  }
}

function drawFigures(run) {
  drawScores(run);
  drawTable(run);
  drawLayersOfSeed(run);
}

function drawLayersOfSeed(run) {
  byId("layers-section").hidden = !hasLayers(run.traces);
  if (!hasLayers(run.traces)) return refill(byId("layers"));
  const select = byId("layers-seed");
  byId("layers-seed-field").hidden = run.seeds.length < 2;
  const seeds = run.seeds.map((seed) => ({ value: String(seed), text: String(seed) }));
  refillSelect(select, seeds);
  const traces = run.tracesOf(Number(select.value));
  drawLayers(byId("layers"), traces, run.steps, (text) => {
    byId("layers-cell").textContent = text;
  });
  fillLayersTable(byId("layers-table"), traces);
}

function drawDemonstrations(demonstrations) {
  const list = demonstrations ?? [];
  const tokens = list.reduce((sum, { tokens: some }) => sum + (some?.length ?? 0), 0);
  byId("demonstrations-help").textContent =
    list.length === 0 ? "Not drawn yet." : `${count(tokens)} tokens. ${TOKENS_HELP}`;
  const blocks = list.map((one) => demonstrationsBlock(one, list.length > 1));
  refill(byId("demonstrations"), blocks);
}

function demonstrationsBlock({ seed, tokens, text }, hasSeeds) {
  const shown = tokens?.length ? tokenSpans(tokens) : visibleText(text ?? "");
  return [hasSeeds ? el("h4", {}, `Seed ${seed}`) : null, el("div", { class: "tokens" }, shown)];
}

function drawFacts(run) {
  const { task, model, labels } = run.facts;
  const facts = [
    ["kind", run.kind],
    ["task", task ?? run.options.task],
    ["model", model ?? run.options.model],
    ["optimizer", run.options.optimizer],
    ["classes", (labels ?? []).map((label) => short(label, 40)).join(", ")],
    ["seeds", run.seeds.join(", ")],
    ["steps", run.steps],
  ];
  refill(
    byId("run-facts"),
    facts
      .filter(([, value]) => value !== undefined && value !== null && value !== "")
      .map(([name, value]) => el("span", { class: "fact" }, `${name} `, foreign(short(value, 200)))),
  );
}

function drawProgress(run) {
  const state = byId("state");
  const text = short(run.state, 20);
  // Written only when it changes: it is a live region.
  if (state.textContent !== text) state.textContent = text;
  state.dataset.state = STATES.includes(run.state) ? run.state : "other";
  byId("stop-button").hidden = run.isEnded;
  byId("remove-button").hidden = !run.isEnded;
  byId("progress").textContent = progressText(run);
  const bar = byId("progress-bar");
  bar.hidden = run.isEnded || !run.queries;
  if (!bar.hidden) [bar.max, bar.value] = [run.queries, Math.min(run.scored, run.queries)];
  say(byId("error"), run.facts.error ? harmless(run.facts.error) : "");
}

function progressText(run) {
  if (run.state === "queued") return "waits for the runs before it";
  const parts = [];
  if (run.queries) parts.push(`${count(run.scored)} of ${count(run.queries)} queries scored`);
  const step = run.stepNow?.step;
  if (!run.isEnded && step !== undefined) parts.push(`step ${step}${run.steps ? ` of ${run.steps}` : ""}`);
  if (!run.isEnded && run.doing) parts.push(short(run.doing, 120));
  return parts.join(", ");
}

function drawNotes(run) {
  const lines = [
    ...run.notes.map((text) => foreign(text)),
    ...run.logs.map(({ plugin, level, message }) => foreign(`${plugin}, ${level}: ${message}`)),
  ];
  byId("notes").hidden = lines.length === 0;
  refill(
    byId("notes"),
    lines.map((line) => el("li", {}, line)),
  );
}

function drawScores(run) {
  byId("scores-section").hidden = run.scores.length === 0;
  if (run.scores.length === 0) return [byId("accuracy"), byId("margins")].forEach((chart) => refill(chart));
  drawAccuracy(byId("accuracy"), run.scores, run);
  fillLegend(byId("accuracy-legend"), run.seeds);
  drawMargins(byId("margins"), run.scores, run);
}

// Lines are broken between words only: a break within `--steps` would look like one more character.
function drawCommand(run) {
  const command = harmless(run.facts.command ?? "");
  if (byId("command").textContent === command) return;
  refill(
    byId("command"),
    command.split(/(?<= )/).map((word) => el("span", { class: "word" }, word)),
  );
}

/** A row for each scored step, or of a tuning for each traced one. */
function drawTable(run) {
  const isScored = run.scores.length > 0;
  const places = isScored ? run.scores : run.kind === "tune" ? run.traces : [];
  byId("table-section").hidden = places.length === 0;
  const columns = columnsOf(run, isScored);
  const rows = places.map((place) => {
    const trace = run.tracesOf(place.seed).find(({ step }) => step === place.step);
    const isSelected = run.selected.get(place.seed) === place.step;
    return {
      cells: columns.map(({ cell }) => cell(place, trace, isSelected)),
      attributes: { "data-step": place.step, "data-seed": place.seed, class: isSelected ? "selected" : null },
    };
  });
  fillTable(
    byId("scores"),
    columns.map(({ heading }) => heading),
    rows,
  );
  byId("scores-help").textContent = isScored
    ? "Intervals are of 95 %: Wilson's for the accuracy, bootstrap for its difference, in percentage points. " +
      "Update and pseudo-gradient are norms over the whole cache."
    : "";
}

function columnsOf(run, isScored) {
  const columns = [
    { heading: "Step", cell: ({ step }, _, isSelected) => stepName(step) + (isSelected ? ", selected" : "") },
  ];
  if (run.seeds.length > 1) columns.push({ heading: "Seed", cell: ({ seed }) => String(seed) });
  if (isScored) {
    columns.push(
      { heading: "Accuracy", cell: ({ accuracy }) => percent(accuracy) },
      { heading: "Interval", cell: ({ interval }) => percentRange(interval) },
      { heading: "Right", cell: ({ correct, n }) => `${count(correct)} of ${count(n)}` },
      {
        heading: "To in-context learning",
        cell: ({ versus_icl: versus }) => (versus ? pointsWithInterval(versus.difference, versus.interval) : NONE),
      },
      { heading: "Margin", cell: ({ margin }) => digits(margin) },
      { heading: "Log-probability", cell: ({ right_loglik: loglik }) => digits(loglik) },
    );
  }
  if (run.traces.some(({ loss }) => loss !== undefined))
    columns.push({ heading: "Loss", cell: (_, trace) => digits(trace?.loss) });
  if (run.traces.length > 0) {
    columns.push(
      { heading: "Update", cell: (_, trace) => digits(trace && norm(trace, "update")) },
      { heading: "Pseudo-gradient", cell: (_, trace) => digits(trace && norm(trace, "pseudo_gradient")) },
      { heading: "Time", cell: (_, trace) => (trace ? `${digits(trace.seconds)} s` : NONE) },
    );
  }
  return columns;
}

/** The norm over all layers' keys and values. */
function norm({ layers }, key) {
  return Math.hypot(...layers.flatMap((layer) => layer[key]));
}
