// A row's prompt as the model gets it: demonstrations and query, token by token.

import { request } from "./api.js";
import { byId, el, foreign, refill, tokenSpans, visibleText } from "./dom.js";
import { count, harmless, short } from "./text.js";

/** Shows the prompt of a row for the options of a run, under a title that says whose it is. */
export async function showPrompt(options, index, title) {
  const prompt = await request("POST", "/v1/prompt", { options, index });
  byId("prompt-title").textContent = title;
  refill(byId("prompt"), promptParts(prompt));
}

function promptParts(prompt) {
  return [
    notes(prompt.notes),
    prompt.description ? block("Description", visibleText(prompt.description)) : null,
    demonstrations(prompt),
    queryParts(prompt),
  ];
}

function notes(texts) {
  return texts?.length
    ? el(
        "ul",
        { class: "notice" },
        texts.map((text) => el("li", {}, foreign(text))),
      )
    : null;
}

function demonstrations(prompt) {
  const tokens = prompt.demonstration_tokens ?? [];
  if (tokens.length === 0) return block("Demonstrations", visibleText(prompt.demonstrations ?? ""));
  return block(`Demonstrations: ${count(tokens.length)} tokens`, tokenSpans(tokens));
}

function queryParts({ choices, answer, index, id }) {
  const name = [
    "Query: row ",
    count(index),
    id === undefined || String(id) === String(index) ? null : [", ", foreign(short(id, 80))],
  ].flat(2);
  const isShared = choices.length > 1 && choices.every((choice) => startIsSame(choice, choices[0]));
  const heading = (number, text) => `${text} ${number}${number === answer ? ", the right one" : ""}`;
  if (!isShared) {
    return choices.map((choice, number) =>
      block([...name, `; ${heading(number, "choice")}`], tokenSpans(choice.tokens, choice.span_start)),
    );
  }
  const { tokens, span_start: start } = choices[0];
  return [
    block([...name, "; what all choices share"], tokenSpans(tokens.slice(0, start))),
    block(
      "Choices, of which the log-likelihood is computed",
      choices.map((choice, number) =>
        el(
          "div",
          { class: "choice" },
          el("span", { class: "faint" }, `${heading(number, "choice")}: `),
          tokenSpans(choice.tokens, start).slice(start),
        ),
      ),
    ),
  ];
}

/** Most tasks have one query text for all choices, which is shown once. */
function startIsSame(choice, first) {
  const startOf = ({ tokens, span_start: start }) =>
    tokens
      .slice(0, start)
      .map(({ id }) => id)
      .join();
  return choice.span_start === first.span_start && startOf(choice) === startOf(first);
}

function block(title, content) {
  return [el("h4", {}, title), el("div", { class: "tokens" }, content)];
}

/** The title of a prompt that belongs to a run. */
export function runTitle(id) {
  return `Prompt of run ${harmless(id)}`;
}
