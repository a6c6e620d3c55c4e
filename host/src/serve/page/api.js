// Requests to the server, with the token if it wants one.

const TOKEN = "ft-host-token";

/** An answer that is an error, or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(status, code, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.retryAfter = retryAfter;
  }

  /** The message as a person reads it, with what to do next. */
  get advice() {
    return this.retryAfter ? `${this.message}; try again in ${this.retryAfter} s` : this.message;
  }
}

/** Moves the token from the address, where it would stay in the history, to this tab's storage; false without one. */
export function takeTokenFromAddress() {
  const parts = new URLSearchParams(location.hash.slice(1));
  const token = parts.get("token");
  if (token === null) return false;
  keepToken(token);
  parts.delete("token");
  const rest = parts.toString();
  history.replaceState(null, "", rest ? `#${rest}` : location.pathname + location.search);
  return true;
}

export function keepToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

/** The answer of a path as JSON; null if it has no content. */
export async function request(method, path, body) {
  const response = await send(method, path, { body });
  return response.status === 204 ? null : response.json();
}

/** The response of a path, whose status is good. One that asks for a token is also the document's `token-wanted`. */
export async function send(method, path, { body, headers = {}, signal } = {}) {
  const all = { ...authorization(), ...headers };
  if (body !== undefined) all["Content-Type"] = "application/json";
  const response = await reach(path, {
    method,
    headers: all,
    signal,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    redirect: "error",
  });
  if (!response.ok) throw await errorOf(response);
  return response;
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "cannot reach the server; look whether `ft-host serve` still runs");
  }
}

function authorization() {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function errorOf(response) {
  const retryAfter = response.headers.get("Retry-After");
  let error = {};
  try {
    error = (await response.json()).error ?? {};
  } catch {
    // Something between the page and the server may answer with a page of its own.
  }
  const message = error.message ?? `expected an answer of ft-host, got status ${response.status}`;
  if (response.status === 401) document.dispatchEvent(new Event("token-wanted"));
  return new ApiError(response.status, error.code ?? "unknown", message, retryAfter);
}
