// The form of a new run: what the server offers, and the options of a plugin from its own description.

import { byId, el, foreign, refill, refillSelect } from "./dom.js";
import { harmless, short } from "./text.js";

// The program's own default optimizer, and the data that need no network.
const FIRST_CHOICES = { optimizer: "momentum", data: "sample" };
const NAME_LENGTH = 60;
const HELP_LENGTH = 600;

const KINDS = [
  { plural: "tasks", select: "task", summary: "task-summary", options: "task-options", prefix: "T" },
  {
    plural: "optimizers",
    select: "optimizer",
    summary: "optimizer-summary",
    options: "optimizer-options",
    prefix: "O",
  },
];

/** The form of a new run over the answer of `/v1/plugins`. */
export class StartForm {
  #offer = { tasks: [], optimizers: [], models: [], data: [] };

  constructor() {
    for (const kind of KINDS) byId(kind.select).addEventListener("change", () => this.#showPlugin(kind));
    byId("data").addEventListener("change", showDataHelp);
    byId("kind").addEventListener("change", showKind);
  }

  /** Fills the form with what the server offers. */
  fill(offer) {
    this.#offer = offer;
    for (const kind of KINDS) {
      fill(kind.select, offer[kind.plural].map(pluginOption));
      this.#showPlugin(kind);
    }
    fill("model", offer.models.map(nameOption));
    fill("data", offer.data.map(dataOption));
    showDataHelp();
    showKind();
    showUnusable([...offer.tasks, ...offer.optimizers].filter((plugin) => plugin.error));
  }

  /** What the form says, as the body of `POST /v1/runs`. */
  get request() {
    const kind = byId("kind").value;
    const options = { task: byId("task").value, model: byId("model").value, data: [byId("data").value] };
    options.optimizer = byId("optimizer").value;
    for (const name of ["steps", "shots", "seed", "sample"]) {
      const { value, disabled } = byId(name);
      if (value !== "" && !disabled) options[name] = Number(value);
    }
    if (byId("select").value) options.select = byId("select").value;
    const [ofTask, ofOptimizer] = KINDS.map((pluginKind) => this.#changedOptions(pluginKind));
    if (Object.keys(ofTask).length > 0) options["task-options"] = ofTask;
    if (Object.keys(ofOptimizer).length > 0) options["optimizer-options"] = ofOptimizer;
    return { kind, options };
  }

  #plugin({ plural, select }) {
    return this.#offer[plural].find((plugin) => plugin.name === byId(select).value);
  }

  #showPlugin(kind) {
    const plugin = this.#plugin(kind);
    const options = plugin?.options ?? [];
    refill(byId(kind.summary), plugin ? foreign(short(plugin.summary, HELP_LENGTH)) : "");
    const details = byId(kind.options);
    details.hidden = options.length === 0;
    const fields = options.map((option, index) => optionField(option, kind.prefix, index));
    refill(details.querySelector(".options"), fields);
  }

  // Only what differs from the plugin's default: the rest is the plugin's to say, in this version and the next.
  #changedOptions(kind) {
    const inputs = [...byId(kind.options).querySelectorAll("[name]")];
    const changed = {};
    (this.#plugin(kind)?.options ?? []).forEach((option, index) => {
      const value = inputValue(inputs[index], option);
      if (value !== undefined && value !== option.default) changed[option.name] = value;
    });
    return changed;
  }
}

function pluginOption({ name, version, error }) {
  const text = `${short(name, NAME_LENGTH)}${version ? ` ${short(version, 20)}` : ""}`;
  return { value: name, text: error ? `${text} (cannot be loaded)` : text, disabled: Boolean(error) };
}

function nameOption(name) {
  return { value: name, text: short(name, NAME_LENGTH) };
}

function dataOption(name) {
  const known = { hub: "hub: the task's own data set", sample: "sample: the bundled sample" };
  return { value: name, text: known[name] ?? short(name, NAME_LENGTH) };
}

function fill(id, options) {
  refillSelect(byId(id), options, FIRST_CHOICES[id]);
}

function showDataHelp() {
  const help = {
    hub: "It is downloaded if it is not there yet.",
    sample: "Some rows, without a download: to try, not to measure.",
  };
  byId("data-help").textContent = help[byId("data").value] ?? "";
}

/** A tuning scores no rows. */
function showKind() {
  byId("sample").disabled = byId("kind").value === "tune";
}

function showUnusable(plugins) {
  const details = byId("unusable");
  details.hidden = plugins.length === 0;
  const lines = plugins.map(({ name, error }) =>
    el("li", {}, foreign(short(name, NAME_LENGTH)), ": ", foreign(short(error, HELP_LENGTH))),
  );
  refill(details.querySelector("ul"), lines);
}

/** Label, input and help of a plugin's option. */
function optionField(option, prefix, index) {
  const id = `option-${prefix}-${index}`;
  const input = optionInput(option, { id, name: `${prefix}.${option.name}`, "aria-describedby": `${id}-help` });
  const label = el("label", { for: id }, foreign(short(option.name, NAME_LENGTH)));
  const help = el(
    "p",
    { class: "help", id: `${id}-help` },
    foreign(short(option.help, HELP_LENGTH)),
    takesText(option),
  );
  const checkbox = option.kind === "boolean";
  return el("div", { class: checkbox ? "field check" : "field" }, checkbox ? [input, label] : [label, input], help);
}

function takesText({ kind, takes, default: byDefault }) {
  const range = (kind === "number" || kind === "integer") && takes ? `; ${short(takes, 100)}` : "";
  const shown = kind === "choice" || byDefault === "" ? "" : `; default ${short(byDefault, 80)}`;
  return `${range}${shown}`;
}

function optionInput(option, attributes) {
  switch (option.kind) {
    case "number":
    case "integer":
      return el("input", {
        type: "number",
        min: option.minimum,
        max: option.maximum,
        step: option.kind === "integer" ? "1" : "any",
        placeholder: option.default,
        inputmode: option.kind === "integer" ? "numeric" : "decimal",
        ...attributes,
      });
    case "choice":
      return el(
        "select",
        attributes,
        (option.choices ?? []).map((choice) =>
          el("option", { value: choice, selected: choice === option.default, dir: "auto" }, short(choice, NAME_LENGTH)),
        ),
      );
    case "boolean":
      return el("input", { type: "checkbox", checked: option.default === true, ...attributes });
    default:
      return el("input", {
        type: "text",
        placeholder: harmless(option.default),
        autocomplete: "off",
        spellcheck: "false",
        dir: "auto",
        ...attributes,
      });
  }
}

/** The value of a plugin's option; undefined for an input that is left empty. */
function inputValue(input, option) {
  if (option.kind === "boolean") return input.checked;
  if (input.value === "") return undefined;
  return option.kind === "number" || option.kind === "integer" ? Number(input.value) : input.value;
}
