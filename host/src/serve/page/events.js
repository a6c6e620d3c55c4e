// Server-sent events by `fetch`: EventSource cannot send a token.

import { ApiError, send } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 10_000;
// The server sends a comment every 15 s, so a longer silence is a connection that is gone.
const SILENCE_MS = 45_000;

/** Splits a stream of text into events, each `{id, event, data}`. */
export class EventParser {
  #rest = "";
  #fields = { event: "message", data: [], id: null };

  /** The events that `text` completes. */
  push(text) {
    const events = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
    for (const line of lines) {
      const event = this.#line(line);
      if (event) events.push(event);
    }
    return events;
  }

  #line(line) {
    if (line === "") return this.#dispatch();
    const colon = line.indexOf(":");
    if (colon === 0) return null;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") this.#fields.data.push(value);
    else if (name === "event" || name === "id") this.#fields[name] = value;
    return null;
  }

  #dispatch() {
    const { event, data, id } = this.#fields;
    this.#fields = { event: "message", data: [], id };
    return data.length > 0 ? { event, id, data: data.join("\n") } : null;
  }
}

/**
 * Calls `onEvent(name, data)` for each event of `path` until `end`, and connects again where the connection is lost
 * before, unless `isOver()`: of what has ended no more is to come. `onConnection(error)` is told of a lost connection,
 * and with null of one that is there again.
 */
export async function follow(path, { signal, isOver, onEvent, onConnection }) {
  const position = { lastId: null, ended: false };
  let wait = FIRST_WAIT_MS;
  while (!position.ended && !signal.aborted) {
    const before = position.lastId;
    try {
      await readStream(path, position, { signal, onEvent, onConnection });
    } catch (error) {
      if (signal.aborted) return undefined;
      // What the server refuses once it refuses again; all else is a connection that was cut.
      if (error.status >= 400 && error.status < 500 && error.status !== 429) return onConnection(error);
    }
    if (!position.ended && isOver()) return undefined;
    if (!position.ended) {
      onConnection(new ApiError(0, "cut", "the connection to the server was lost; connecting again"));
      wait = position.lastId === before ? Math.min(2 * wait, LONGEST_WAIT_MS) : FIRST_WAIT_MS;
      await pause(wait, signal);
    }
  }
}

async function readStream(path, position, { signal, onEvent, onConnection }) {
  const connection = new AbortController();
  const stop = () => connection.abort();
  signal.addEventListener("abort", stop);
  let watch = setTimeout(stop, SILENCE_MS);
  try {
    const headers = { Accept: "text/event-stream" };
    if (position.lastId !== null) headers["Last-Event-ID"] = position.lastId;
    const response = await send("GET", path, { headers, signal: connection.signal });
    onConnection(null);
    const parser = new EventParser();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watch);
      watch = setTimeout(stop, SILENCE_MS);
      parser.push(value).forEach((event) => take(event, position, onEvent));
      if (position.ended) return;
    }
  } finally {
    clearTimeout(watch);
    signal.removeEventListener("abort", stop);
    connection.abort();
  }
}

function take({ event, id, data }, position, onEvent) {
  if (position.ended) return;
  if (id !== null) position.lastId = id;
  position.ended = event === "end";
  onEvent(event, JSON.parse(data));
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
