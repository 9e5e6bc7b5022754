// The dialog that starts a session.

import { Problem } from "../api.js";
import { fill, h, set, setText } from "../dom.js";
import { problemText } from "./toasts.js";

/** Makes the dialog; `open()` shows it. */
export function startDialog(store) {
  const agent = h("select", { id: "start-agent" });
  const about = h("p", { class: "hint", id: "start-about" });
  const name = h("input", {
    id: "start-name", autocomplete: "off", autocapitalize: "off", spellcheck: "false", maxlength: 64, pattern: "[a-z0-9][a-z0-9_\\-]{0,63}",
    placeholder: "kitchen", "aria-describedby": "start-name-hint",
  });
  const prompt = h("textarea", { id: "start-prompt", rows: 4 });
  const greeting = h("input", { id: "start-greeting", autocomplete: "off" });
  const record = h("input", { id: "start-record", type: "checkbox" });
  const problem = h("div", { class: "problem-text", role: "alert" });
  const submit = h("button", { class: "primary", type: "submit" }, "Start");
  const cancel = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const form = h("form", { method: "dialog", class: "form" },
    h("h2", { id: "start-title" }, "New session"),
    h("div", { class: "field" }, h("label", { for: "start-agent" }, "Agent"), agent, about),
    h("div", { class: "field" }, h("label", { for: "start-name" }, "Name"), name,
      h("p", { class: "hint", id: "start-name-hint" }, "Lower-case letters, digits, - and _. Left empty, it gets one of its own.")),
    h("div", { class: "field" }, h("label", { for: "start-prompt" }, "Prompt"), prompt),
    h("div", { class: "field" }, h("label", { for: "start-greeting" }, "Greeting"), greeting),
    h("label", { class: "check" }, record, "Record the conversation"),
    problem,
    h("div", { class: "row end" }, cancel, submit),
  );
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "start-title" }, form);
  document.body.append(dialog);

  const describe = () => {
    const chosen = store.agents.find((one) => one.name === agent.value);
    const settings = chosen?.settings?.agent;
    const functions = chosen?.functions ?? [];
    setText(about, chosen ? [chosen.upstream ? `Runs on ${chosen.upstream}` : "Has no upstream", functions.length ? functions.join(", ") : "no functions"].join(" · ") : "");
    set(prompt, "placeholder", promptOf(settings) ?? "The agent’s own prompt");
    set(greeting, "placeholder", settings?.greeting ?? "None");
  };
  const list = () => {
    const before = agent.value;
    fill(agent, store.agents.map((one) => h("option", { value: one.name }, one.name)));
    if (store.agents.some((one) => one.name === before)) agent.value = before;
    describe();
  };
  agent.addEventListener("change", describe);
  store.on("agents", list);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (submit.disabled) return;
    submit.disabled = true;
    setText(submit, "Starting…");
    fill(problem);
    const body = { agent: agent.value };
    if (name.value) body.id = name.value;
    if (prompt.value.trim()) body.prompt = prompt.value;
    if (greeting.value.trim()) body.greeting = greeting.value;
    if (record.checked) body.record = true;
    try {
      const runId = await store.start(body);
      dialog.close(); // first: it gives the focus back to the button that opened it
      await store.show(runId);
    } catch (failure) {
      if (!(failure instanceof Problem)) throw failure;
      fill(problem, ...problemText(failure));
    } finally {
      submit.disabled = false;
      setText(submit, "Start");
    }
  });
  return {
    open() {
      fill(problem);
      form.reset();
      list();
      dialog.showModal();
      name.focus();
    },
  };
}

/** The prompt of a think block; where there is a chain of providers, that of the first. */
export function promptOf(settings) {
  const think = Array.isArray(settings?.think) ? settings.think[0] : settings?.think;
  return think?.prompt;
}
