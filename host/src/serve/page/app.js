// The page: what is loaded when, which run is shown, and what the buttons do.

import { doing, fail } from "./action.js";
import { keepToken, request, takeTokenFromAddress } from "./api.js";
import { byId, el, fillTable, foreign, refill, say } from "./dom.js";
import { follow } from "./events.js";
import { StartForm } from "./form.js";
import { runTitle, showPrompt } from "./prompt.js";
import { isEnded, RunState } from "./run-state.js";
import { RunView } from "./run-view.js";
import { SaveForm } from "./save.js";
import { count, harmless, percent, short, size, stepName } from "./text.js";
import { TryForm } from "./try.js";

const POLL_MS = 3000;

const page = { runs: [], contexts: [], run: null, following: null, wanted: null };
const startForm = new StartForm();
const runView = new RunView();
const tryForm = new TryForm();
const saveForm = new SaveForm(loadContexts);

async function load() {
  const offer = await request("GET", "/v1/plugins");
  byId("token-form").hidden = true;
  byId("about").textContent = `ft-host ${short(offer.version, 20)}`;
  startForm.fill(offer);
  // With another token everything is asked for anew.
  page.run = null;
  await Promise.all([loadRuns(), loadContexts()]);
  await showRunOfAddress();
}

async function loadRuns() {
  page.runs = (await request("GET", "/v1/runs")).runs;
  drawRuns();
}

async function loadContexts() {
  page.contexts = (await request("GET", "/v1/contexts")).contexts;
  drawContexts();
  offerContexts();
}

function offerContexts() {
  tryForm.offer(page.run, page.contexts);
  saveForm.offer(page.run);
}

function drawRuns() {
  byId("no-runs").hidden = page.runs.length > 0;
  const focused = document.activeElement?.dataset?.run;
  // The newest first: it is the one that is looked for.
  refill(
    byId("runs"),
    page.runs.toReversed().map((run) => el("li", {}, runButton(run))),
  );
  if (focused !== undefined) {
    [...byId("runs").querySelectorAll("button")].find((button) => button.dataset.run === focused)?.focus();
  }
}

function runButton({ id, kind, state, task, options = {} }) {
  const isShown = page.run?.id === id;
  const title = [options.optimizer ?? "", kind === "tune" ? "tune" : ""]
    .filter(Boolean)
    .map((text) => short(text, 40))
    .join(", ");
  const button = el(
    "button",
    { type: "button", "data-run": id, "aria-current": isShown ? "true" : null },
    el("span", { class: "run-name" }, short(id, 20), " ", foreign(short(task ?? options.task, 40))),
    el("span", { class: "run-detail" }, foreign(title)),
    el("span", { class: "badge", "data-state": isEnded(state) ? state : "active" }, short(state, 20)),
  );
  button.addEventListener(
    "click",
    doing(async () => {
      await choose(id);
      bringIntoView("run-title");
    }),
  );
  return button;
}

function drawContexts() {
  byId("no-contexts").hidden = page.contexts.length > 0;
  const headings = ["Name", "Task", "Model", "Optimizer", "Step", "Accuracy", "Tokens", "Size"];
  const rows = page.contexts.map((context) => ({ cells: contextCells(context), attributes: {} }));
  if (rows.length > 0) fillTable(byId("contexts"), headings, rows);
  else refill(byId("contexts"));
}

function contextCells({ name, task, model, optimizer, step, accuracy, n, tokens, bytes }) {
  const texts = [name, task, model, optimizer].map((text) => foreign(short(text, 60)));
  const measured =
    accuracy === null || accuracy === undefined ? "not measured" : `${percent(accuracy)} of ${count(n)} rows`;
  return [...texts, stepName(step), measured, count(tokens), size(bytes)];
}

/** Shows a run, and names it in the address so that a reload shows it again. */
async function choose(id) {
  const hash = `#${new URLSearchParams({ run: id })}`;
  if (location.hash !== hash) history.pushState(null, "", hash);
  await showRun(id);
}

async function showRunOfAddress() {
  const wanted = new URLSearchParams(location.hash.slice(1)).get("run");
  const isThere = (id) => page.runs.some((run) => run.id === id);
  const id = [wanted, page.run?.id, page.runs.at(-1)?.id].find(isThere) ?? null;
  if (id !== (page.run?.id ?? null)) await showRun(id);
}

async function showRun(id) {
  page.wanted = id;
  const run = id === null ? null : new RunState(await request("GET", runPath(id)));
  // Another one may have been asked for in the meantime.
  if (page.wanted !== id) return;
  page.following?.abort();
  page.following = new AbortController();
  page.run = run;
  runView.show(run);
  drawRuns();
  offerContexts();
  if (run !== null) followRun(run, page.following.signal).catch(fail);
}

function runPath(id) {
  return `/v1/runs/${encodeURIComponent(id)}`;
}

/** Keeps a run up to date; an ended one has its plugins' messages in its events. */
async function followRun(run, signal) {
  await follow(`${runPath(run.id)}/events`, {
    signal,
    isOver: () => run.isEnded,
    onEvent: (event, data) => {
      const before = run.state;
      run.take(event, data);
      runView.changed();
      if (event === "context" || event === "selected") offerContexts();
      if (run.state !== before) loadRuns().catch(fail);
    },
    onConnection: (error) => say(byId("connection"), error === null ? "" : harmless(error.advice)),
  });
}

async function start() {
  const run = await request("POST", "/v1/runs", startForm.request);
  await loadRuns();
  await choose(run.id);
  bringIntoView("run-title");
}

async function stop() {
  await request("DELETE", runPath(page.run.id));
}

async function remove() {
  const { id } = page.run;
  if (!confirm(`Remove run ${harmless(id)} with its folder? Saved contexts stay.`)) return;
  await request("DELETE", runPath(id));
  page.run = null;
  await loadRuns();
  await showRunOfAddress();
}

async function previewNew() {
  if (!byId("start").reportValidity()) return;
  await showPrompt(startForm.request.options, Number(byId("prompt-row").value), "Prompt of the new run");
  bringIntoView("prompt-title");
}

async function previewShown() {
  await showPrompt(page.run.options, Number(byId("prompt-row").value), runTitle(page.run.id));
}

/** On a narrow page what a button brings is far from it. */
function bringIntoView(id) {
  const heading = byId(id);
  const { top, bottom } = heading.getBoundingClientRect();
  if (top < 0 || bottom > innerHeight) heading.scrollIntoView();
}

async function copyCommand() {
  const command = byId("command");
  getSelection().selectAllChildren(command);
  // Without TLS only an address of this machine has a clipboard; the older way works everywhere.
  if (navigator.clipboard) await navigator.clipboard.writeText(command.textContent);
  else document.execCommand("copy");
  byId("copied").textContent = "Copied.";
}

/** Other pages and programs start and end runs too. */
async function poll() {
  const isActive = page.runs.some((run) => !isEnded(run.state));
  if (!isActive || document.hidden) return;
  try {
    await loadRuns();
    say(byId("offline"), "");
  } catch (error) {
    say(byId("offline"), error.status === 401 ? "" : harmless(error.advice ?? error.message));
  }
}

function askForToken() {
  const form = byId("token-form");
  if (!form.hidden) say(byId("message"), "expected the token that `ft-host serve` printed, got another one");
  form.hidden = false;
  byId("token").focus();
}

function connect() {
  // Its address would take the place of that of the run.
  byId("skip").addEventListener("click", (event) => {
    event.preventDefault();
    byId("run-title").focus();
  });
  document.addEventListener("token-wanted", askForToken);
  byId("token-form").addEventListener(
    "submit",
    doing(() => {
      keepToken(byId("token").value);
      byId("token").value = "";
      return load();
    }),
  );
  byId("start").addEventListener("submit", doing(start));
  byId("stop-button").addEventListener("click", doing(stop));
  byId("remove-button").addEventListener("click", doing(remove));
  byId("preview-button").addEventListener("click", doing(previewNew));
  byId("prompt-form").addEventListener("submit", doing(previewShown));
  byId("copy-button").addEventListener("click", doing(copyCommand));
  addEventListener("hashchange", () => {
    const shown = takeTokenFromAddress() ? load() : showRunOfAddress();
    shown.catch(fail);
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && byId("token-form").hidden) Promise.all([loadRuns(), loadContexts()]).catch(fail);
  });
  setInterval(poll, POLL_MS);
}

takeTokenFromAddress();
connect();
load().catch(fail);
