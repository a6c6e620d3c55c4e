// What is known of one run: the server's answer, kept up to date by its events. No document in here.

import { stepOfContext } from "./text.js";

const LOG_LINES = 200;
// Which part of the page an event changes; the others change little, and are drawn with every event.
const CHANGES = {
  plan: "figures",
  started: "figures",
  scores: "figures",
  trace: "figures",
  selected: "figures",
  note: "notes",
  log: "notes",
};
const ENDED = new Set(["done", "failed", "stopped"]);

/** Whether a run in this state does not change any more. */
export function isEnded(state) {
  return ENDED.has(state);
}

/** One run. Events may come that the answer already has: each is kept by its place, so twice is once. */
export class RunState {
  #scores = new Map();
  #traces = new Map();

  constructor(answer) {
    this.id = answer.id;
    this.kind = answer.kind;
    this.options = answer.options ?? {};
    this.facts = {};
    this.selected = new Map();
    this.contexts = [];
    this.notes = [];
    this.logs = [];
    this.stepNow = null;
    // What goes on between steps, in words.
    this.doing = null;
    // How often each part has changed.
    this.revision = { figures: 0, notes: 0 };
    this.#takeFacts(answer);
    (answer.scores ?? []).forEach((score) => this.take("scores", score));
    (answer.trace ?? []).forEach((trace) => this.take("trace", trace));
    (answer.selected ?? []).forEach((selected) => this.take("selected", selected));
    (answer.contexts ?? []).forEach((name) => this.take("context", { name }));
    (answer.notes ?? []).forEach((text) => this.take("note", { text }));
    this.scored = answer.scored_queries ?? 0;
    this.queries = answer.total_queries ?? null;
  }

  /** Takes one event, by its name in `GET /v1/runs/ID/events`. */
  take(event, data) {
    if (Object.hasOwn(CHANGES, event)) this.revision[CHANGES[event]] += 1;
    this.#keep(event, data);
  }

  #keep(event, data) {
    switch (event) {
      case "state":
      case "end":
        // The events of a run that has ended begin with those of its start.
        return this.isEnded && !isEnded(data.state) ? undefined : this.#takeFacts(data);
      case "plan":
        (data.notes ?? []).forEach((text) => this.take("note", { text }));
        return this.#takeFacts(data);
      case "started":
        return this.#takeStart(data);
      case "step":
        this.stepNow = data;
        this.doing = null;
        return undefined;
      case "doing":
        this.doing = data.text;
        return undefined;
      case "progress":
        this.scored = Math.max(this.scored, data.scored);
        return undefined;
      case "scores":
        this.#scores.set(placeOf(data), data);
        return undefined;
      case "trace":
        this.#traces.set(placeOf(data), data);
        return undefined;
      case "selected":
        this.selected.set(data.seed, data.step);
        return undefined;
      case "context":
        return addOnce(this.contexts, data.name);
      case "note":
        return addOnce(this.notes, data.text);
      case "log":
        return this.#takeLog(data);
      // A later server may tell more.
      default:
        return undefined;
    }
  }

  get state() {
    return this.facts.state ?? "queued";
  }
  get isEnded() {
    return isEnded(this.state);
  }
  get seeds() {
    const known = this.facts.seeds ?? [];
    return known.length > 0 ? known : [...new Set([...this.scores, ...this.traces].map(({ seed }) => seed))];
  }
  get steps() {
    return this.facts.steps ?? null;
  }
  get scores() {
    return inOrder(this.#scores);
  }
  get traces() {
    return inOrder(this.#traces);
  }

  tracesOf(seed) {
    return this.traces.filter((trace) => trace.seed === seed);
  }

  /** The step that the first seed selected; null before that. */
  get selectedStep() {
    const [first] = this.seeds;
    return this.selected.get(first) ?? null;
  }

  /** The contexts of steps, each `{name, step}`, by step; of several seeds those of the first. */
  get stepContexts() {
    const [first] = this.seeds;
    const isOfFirst = (name) => {
      const seed = /\/seed-(\d+)\//.exec(name);
      return seed === null || Number(seed[1]) === first;
    };
    return this.contexts
      .filter(isOfFirst)
      .map((name) => ({ name, step: stepOfContext(name) }))
      .filter(({ step }) => step !== null)
      .sort((one, other) => one.step - other.step);
  }

  #takeFacts(facts) {
    for (const name of [
      "state",
      "error",
      "command",
      "task",
      "model",
      "labels",
      "seeds",
      "steps",
      "demonstrations",
      "saved",
    ]) {
      if (facts[name] !== undefined && facts[name] !== null) this.facts[name] = facts[name];
    }
  }

  #takeStart({ queries, last_step: lastStep }) {
    this.queries = queries ?? this.queries;
    if (this.facts.steps === undefined && lastStep) this.facts.steps = lastStep;
  }

  #takeLog(line) {
    this.logs.push(line);
    if (this.logs.length > LOG_LINES) this.logs.shift();
  }
}

function placeOf({ seed, step }) {
  return `${seed}/${step}`;
}

function inOrder(map) {
  return [...map.values()].sort((one, other) => one.seed - other.seed || one.step - other.step);
}

function addOnce(list, value) {
  if (!list.includes(value)) list.push(value);
}
