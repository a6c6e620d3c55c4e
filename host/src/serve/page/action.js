// What buttons and forms do: one request at a time each, whose error is shown.

import { byId, say } from "./dom.js";
import { harmless } from "./text.js";

/** Shows an error in the page's message. */
export function fail(error) {
  // A token is asked for in its own form.
  if (error.status === 401) return;
  say(byId("message"), harmless(error.advice ?? `this page failed: ${error.message}`));
}

/** The listener that does `action`: its error is shown, and that of the action before is no longer. */
export function doing(action) {
  let isBusy = false;
  return async (event) => {
    event.preventDefault();
    if (isBusy) return;
    const button = event.submitter ?? event.currentTarget;
    isBusy = true;
    // Not `disabled`, with which a button loses the focus of the keyboard.
    button.setAttribute("aria-disabled", "true");
    say(byId("message"), "");
    try {
      await action();
    } catch (error) {
      fail(error);
    } finally {
      isBusy = false;
      button.removeAttribute("aria-disabled");
    }
  };
}
