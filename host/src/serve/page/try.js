// Trying a text: its probabilities behind every step's context of a run, or behind a served context.

import { doing } from "./action.js";
import { request } from "./api.js";
import { byId, el, foreign, forgetChoice, refill, refillSelect, say, svg } from "./dom.js";
import { harmless, largestIndex, percent, points, short, softmax, stepName } from "./text.js";

const OF_RUN = "run:";
const OF_CONTEXT = "context:";
const LABEL_LENGTH = 40;
// A server takes no more contexts in a request, and a person reads no longer table.
const MOST_STEPS = 64;

/** The form in which a text is tried. */
export class TryForm {
  #run = null;
  #contexts = [];

  constructor() {
    byId("try").addEventListener(
      "submit",
      doing(() => this.#predict()),
    );
    for (const id of ["as-text", "as-row"]) byId(id).addEventListener("change", () => this.#inputChanged());
    byId("row-button").addEventListener("click", () => {
      byId("as-row").checked = true;
      this.#inputChanged();
      byId("text").focus();
    });
    byId("try-context").addEventListener("change", () => this.#contextChanged());
    byId("text").addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) byId("try").requestSubmit();
    });
  }

  /** What can be tried: the run that is shown, or null, and the served contexts. */
  offer(run, contexts) {
    if (run?.id !== this.#run?.id) {
      forgetChoice(byId("try-context"));
      clearAnswer();
    }
    [this.#run, this.#contexts] = [run, contexts];
    const ofRun =
      run && run.stepContexts.length > 0
        ? [{ value: OF_RUN + run.id, text: `run ${harmless(run.id)}: ${run.stepContexts.length > MOST_STEPS ? "some of its steps" : "every step so far"}` }]
        : [];
    const served = contexts.map(({ name, step }) => ({
      value: OF_CONTEXT + name,
      text: `${short(name, 60)} (step ${step})`,
    }));
    refillSelect(byId("try-context"), [...ofRun, ...served]);
    byId("try-button").disabled = ofRun.length + served.length === 0;
    this.#contextChanged();
  }

  #contextChanged() {
    const chosen = this.#chosen();
    const help = byId("try-context-help");
    if (!chosen) help.textContent = "There is no context yet: it takes a run's first step, or a saved context.";
    else help.textContent = "";
  }

  /** The contexts that are asked, each `{name, step}`, and whose they are. */
  #chosen() {
    const { value } = byId("try-context");
    if (value.startsWith(OF_RUN)) {
      return { steps: thinned(this.#run.stepContexts, this.#run.selectedStep), selected: this.#run.selectedStep, isRun: true };
    }
    const context = this.#contexts.find(({ name }) => OF_CONTEXT + name === value);
    if (!context) return null;
    return {
      steps: [{ name: context.name, step: context.step }],
      selected: null,
      isRun: false,
    };
  }

  async #predict() {
    const chosen = this.#chosen();
    if (!chosen) return;
    clearAnswer();
    byId("tried").textContent = "Predicting…";
    try {
      const body = { contexts: chosen.steps.map(({ name }) => name), ...this.#input() };
      const { predictions } = await request("POST", "/v1/predict", body);
      this.#show(predictions[0], chosen);
    } catch (error) {
      byId("tried").textContent = "";
      if (!isAboutInput(error)) throw error;
      this.#refused(error.message);
    }
  }

  #input() {
    const { value } = byId("text");
    if (!byId("as-row").checked) return { texts: [value] };
    const row = JSON.parse(value);
    if (row === null || typeof row !== "object" || Array.isArray(row)) throw new SyntaxError("expected a JSON object");
    return { rows: [row] };
  }

  #show(prediction, chosen) {
    byId("tried").textContent = "";
    if (prediction.error !== undefined) return this.#refused(prediction.error);
    if (prediction.left_out) return this.#refused("the task leaves this row out");
    const logliks = prediction.logliks ?? [prediction.loglik];
    const rows = chosen.steps.map((step, index) => ({ ...step, probabilities: softmax(logliks[index]) }));
    fillProbabilities(prediction.choices, rows, chosen);
    byId("tried").replaceChildren(summary(prediction.choices, rows, chosen));
  }

  #refused(message) {
    say(byId("try-error"), harmless(message));
    byId("text").setAttribute("aria-invalid", "true");
    byId("row-button").hidden = byId("as-row").checked;
  }

  #inputChanged() {
    const isRow = byId("as-row").checked;
    byId("text-label").textContent = isRow ? "Row as JSON" : "Text";
    byId("row-button").hidden = true;
    const text = byId("text");
    if (isRow && !text.value.trimStart().startsWith("{")) text.value = JSON.stringify({ text: text.value }, null, 1);
    text.rows = isRow ? 6 : 3;
  }
}

/** The first and the last step, the selected one, and some between at even distances. */
function thinned(steps, selected) {
  if (steps.length <= MOST_STEPS) return steps;
  const apart = Math.ceil(steps.length / (MOST_STEPS - 2));
  return steps.filter(({ step }, index) => index % apart === 0 || index === steps.length - 1 || step === selected);
}

/** What a person can put right in the form itself. */
function isAboutInput(error) {
  return error instanceof SyntaxError || error.status === 400 || error.status === 413 || error.status === 422;
}

function clearAnswer() {
  say(byId("try-error"), "");
  byId("text").removeAttribute("aria-invalid");
  byId("row-button").hidden = true;
  byId("tried").textContent = "";
  refill(byId("probabilities"));
}

function fillProbabilities(choices, rows, { selected }) {
  const headings = [
    el("th", { scope: "col" }, "Step"),
    ...choices.map((choice) => el("th", { scope: "col" }, foreign(short(choice, LABEL_LENGTH)))),
    el("th", { scope: "col" }, "Prediction"),
  ];
  // Runs of several seeds have a context of each.
  const isUnique = new Set(rows.map(({ step }) => step)).size === rows.length;
  const nameOf = ({ step, name }) => (isUnique ? stepName(step) : harmless(name));
  const body = rows.map((row) => probabilityRow(choices, row, nameOf(row), row.step === selected));
  refill(byId("probabilities"), el("thead", {}, el("tr", {}, headings)), el("tbody", {}, body));
}

function probabilityRow(choices, { step, probabilities }, name, isSelected) {
  const best = largestIndex(probabilities ?? []);
  const heading = el("th", { scope: "row" }, name, isSelected ? ", selected" : "");
  const cells = choices.map((_, index) =>
    el(
      "td",
      { class: index === best ? "best" : null },
      bar(probabilities?.[index] ?? 0),
      percent(probabilities?.[index]),
    ),
  );
  const prediction = el("td", { class: "prediction" }, best < 0 ? "-" : foreign(short(choices[best], LABEL_LENGTH)));
  return el("tr", { "data-step": step, class: isSelected ? "selected" : null }, heading, cells, prediction);
}

function bar(share) {
  return svg(
    "svg",
    { class: "bar", width: 64, height: 8, "aria-hidden": "true" },
    svg("rect", { width: 64, height: 8, class: "ground" }),
    svg("rect", { width: 64 * share, height: 8, class: "filled" }),
  );
}

/** In-context learning beside the selected step, or the last one while none is selected. */
function summary(choices, rows, { selected, isRun }) {
  const sentence = ({ probabilities }, name) => {
    const best = largestIndex(probabilities ?? []);
    return best < 0
      ? `${name}: no prediction`
      : [`${name}: `, foreign(short(choices[best], LABEL_LENGTH)), ` ${percent(probabilities[best])}`];
  };
  if (!isRun) return el("span", {}, sentence(rows[0], `Step ${stepName(rows[0].step)}`));
  const icl = rows.find(({ step }) => step === 1);
  const tuned = rows.find(({ step }) => step === selected) ?? rows.at(-1);
  if (!icl || icl === tuned) return el("span", {}, sentence(tuned, `Step ${stepName(tuned.step)}`));
  const name = tuned.step === selected ? `selected step ${tuned.step}` : `step ${tuned.step}`;
  const best = largestIndex(tuned.probabilities ?? []);
  const change =
    best < 0 || !icl.probabilities
      ? ""
      : [
          " (",
          foreign(short(choices[best], LABEL_LENGTH)),
          ` ${points(tuned.probabilities[best] - icl.probabilities[best])} percentage points)`,
        ];
  return el("span", {}, sentence(icl, "In-context learning"), "; ", sentence(tuned, name), change, ".");
}
