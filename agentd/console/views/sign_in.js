// The door: a token is pasted and held in memory.

import { fill, h, setText } from "../dom.js";

const COMMAND = 'eval "$(agentd env)"; cat $S/token';

/** Shows the form in `place`; `enter(token)` opens the console or throws a Problem. */
export function signIn(place, enter) {
  const field = h("input", {
    id: "token", type: "password", autocomplete: "current-password", autocapitalize: "off", spellcheck: "false", required: true,
    "aria-describedby": "token-note token-problem",
  });
  const problem = h("p", { id: "token-problem", class: "problem-text", role: "alert" });
  const button = h("button", { class: "primary", type: "submit" }, "Open the console");
  const form = h("form", { class: "door", method: "post" },
    h("label", { for: "token" }, "Token"),
    field,
    problem,
    button,
  );
  const copied = h("span", { class: "quiet", role: "status" });
  const copy = h("button", { class: "small", type: "button", onclick: () => copyCommand(copied) }, "Copy");
  fill(place,
    h("div", { class: "door-card" },
      h("h2", null, "Pick up the line."),
      h("p", { id: "token-note", class: "lead" }, "Paste the daemon’s token. It stays in this page’s memory: reload or close the tab, and it is gone."),
      form,
      h("div", { class: "where" },
        h("p", null, "Print it in a terminal of the machine agentd runs on:"),
        h("div", { class: "command" }, h("code", null, COMMAND), copied, copy),
      ),
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const token = field.value.trim();
    if (!token || button.disabled) return;
    button.disabled = true;
    setText(button, "Connecting…");
    setText(problem, "");
    try {
      await enter(token);
      field.value = "";
    } catch (refusal) {
      setText(problem, refusal.detail || refusal.message);
      field.select();
    } finally {
      button.disabled = false;
      setText(button, "Open the console");
    }
  });
  field.focus();
  return {
    /** Ask again, saying why when there is a reason. */
    ask(reason) {
      field.value = "";
      setText(problem, reason?.detail ?? "");
      field.focus();
    },
  };
}

async function copyCommand(note) {
  try {
    await navigator.clipboard.writeText(COMMAND);
    setText(note, "Copied");
  } catch {
    setText(note, "Copy it by hand");
  }
}
