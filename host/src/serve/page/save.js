// Saving a run's context under a name.

import { doing } from "./action.js";
import { request } from "./api.js";
import { byId, foreign, forgetChoice, refill, refillSelect } from "./dom.js";
import { stepName } from "./text.js";

/** The form that saves a context; `onSaved` is called when it is. */
export class SaveForm {
  #run = null;

  constructor(onSaved) {
    byId("save").addEventListener(
      "submit",
      doing(async () => {
        await this.#save();
        await onSaved();
      }),
    );
  }

  /** The run whose context would be saved; null without one. */
  offer(run) {
    if (run?.id !== this.#run?.id) {
      forgetChoice(byId("save-step"));
      byId("saved").textContent = "";
    }
    this.#run = run;
    const steps = run?.stepContexts ?? [];
    const selected = run?.selectedStep ?? null;
    const options = steps.map(({ step }) => ({ value: String(step), text: stepName(step) }));
    if (selected !== null) options.unshift({ value: "", text: `${selected}, selected` });
    refillSelect(byId("save-step"), options, selected === null ? options.at(-1)?.value : "");
    byId("save-button").disabled = options.length === 0;
    byId("save-help").textContent =
      options.length === 0
        ? "There is a context to save as soon as a step is made."
        : "It is kept in the server's folder, and can be tried below from then on.";
  }

  async #save() {
    const body = { name: byId("context-name").value };
    const step = byId("save-step").value;
    if (step !== "") body.step = Number(step);
    refill(byId("saved"), "Saving…");
    try {
      const path = `/v1/runs/${encodeURIComponent(this.#run.id)}/context`;
      const context = await request("POST", path, body);
      refill(byId("saved"), "Saved as ", foreign(context.name), `, step ${stepName(context.step)}.`);
    } catch (error) {
      refill(byId("saved"));
      throw error;
    }
  }
}
