// The agent of a live conversation: its prompt and its voice, changed while it runs.

import { call, Problem, sessionPath } from "../api.js";
import { fill, h, set, setText } from "../dom.js";
import { plain } from "../words.js";
import { problemText } from "./toasts.js";

/** Shows them in `place`. */
export function agentTab(store, place) {
  const prompt = promptForm(store);
  const voice = voiceForm(store);
  const over = h("div", { class: "empty" }, h("p", null, "The session is over; its agent cannot be changed any more."));
  fill(place, prompt.element, voice.element, over);
  const show = () => {
    const live = store.isLive(store.session);
    prompt.element.hidden = voice.element.hidden = !live;
    over.hidden = live || store.session === null;
  };
  store.on("session", show);
  store.on("open", () => {
    show();
    prompt.load();
    voice.load();
  });
  store.on("agents", () => voice.load());
  show();
}

function promptForm(store) {
  const text = h("textarea", { id: "prompt", rows: 9, "aria-describedby": "prompt-hint" });
  const extra = h("textarea", { id: "prompt-extra", rows: 2 });
  const state = outcome();
  const element = h("form", { class: "form", method: "post" },
    h("div", { class: "field" }, h("label", { for: "prompt" }, "Prompt"), text,
      h("p", { class: "hint", id: "prompt-hint" }, "Applies from the agent’s next answer. Applied means acknowledged: whether a model obeys shows in what it says.")),
    h("div", { class: "row" }, h("button", { class: "primary", id: "prompt-replace", type: "submit" }, "Replace")),
    h("div", { class: "field" }, h("label", { for: "prompt-extra" }, "Add to it"), extra),
    h("div", { class: "row" }, h("button", { id: "prompt-append", type: "button", onclick: () => append() }, "Add")),
    state.element,
  );
  const load = async () => {
    text.value = "";
    extra.value = "";
    state.clear();
    const runId = store.open;
    if (runId === null || !store.isLive(store.session)) return;
    try {
      const answer = await call("GET", sessionPath(runId, "prompt"));
      if (runId === store.open) text.value = answer.prompt ?? "";
    } catch (problem) {
      if (runId === store.open) state.failed(problem);
    }
  };
  const append = async () => {
    if (!extra.value.trim()) return;
    if (!(await state.run("Added", () => call("PATCH", sessionPath(store.open, "prompt"), { append: extra.value })))) return;
    extra.value = "";
    const answer = await call("GET", sessionPath(store.open, "prompt"));
    text.value = answer.prompt ?? text.value;
  };
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    state.run("Prompt", () => call("PUT", sessionPath(store.open, "prompt"), { prompt: text.value }));
  });
  return { element, load };
}

function voiceForm(store) {
  const voices = h("datalist", { id: "voices" });
  const model = h("input", { id: "voice", list: "voices", autocomplete: "off", spellcheck: "false", required: true });
  const speed = h("input", { id: "speed", type: "range", min: 0.7, max: 1.5, step: 0.05, value: 1 });
  const shown = h("output", { for: "speed" }, "1.00×");
  const state = outcome();
  const element = h("form", { class: "form", method: "post" },
    h("div", { class: "field" }, h("label", { for: "voice" }, "Voice"), model, voices),
    h("div", { class: "field" }, h("label", { for: "speed" }, "Speed ", shown), speed),
    h("div", { class: "row" }, h("button", { id: "voice-change", type: "submit" }, "Change the voice")),
    state.element,
  );
  let moved = false;
  speed.addEventListener("input", () => {
    moved = true;
    setText(shown, `${Number(speed.value).toFixed(2)}×`);
  });
  const load = async () => {
    fill(voices, store.voices.map((voice) => h("option", { value: voice })));
    state.clear();
    moved = false;
    const runId = store.open;
    if (runId === null || !store.isLive(store.session)) return;
    let speak;
    try {
      speak = await call("GET", sessionPath(runId, "speak"));
    } catch (problem) {
      if (runId === store.open) state.failed(problem);
      return;
    }
    if (runId !== store.open) return;
    const provider = (Array.isArray(speak) ? speak[0] : speak)?.provider ?? {};
    model.value = provider.model ?? "";
    speed.value = provider.speed ?? 1;
    setText(shown, `${Number(speed.value).toFixed(2)}×`);
  };
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    const provider = { model: model.value.trim() };
    if (moved) provider.speed = Number(speed.value);
    state.run("Voice", () => call("PUT", sessionPath(store.open, "speak"), { provider }));
  });
  return { element, load };
}

/** Says what became of a command, in the daemon's words. */
function outcome() {
  const element = h("div", { class: "outcome", role: "status" });
  const show = (kind, ...content) => {
    set(element, "data-kind", kind);
    fill(element, ...content);
    if (kind) element.scrollIntoView({ block: "nearest" });
  };
  const failed = (problem) => {
    if (!(problem instanceof Problem)) throw problem;
    show("bad", ...problemText(problem));
  };
  return {
    element,
    failed,
    clear: () => show(null),
    async run(what, command) {
      show("busy", h("p", null, "Waiting for the upstream…"));
      try {
        const { state } = await command();
        show("good", h("p", null, `${what}: ${plain(state)}.`));
        return true;
      } catch (problem) {
        failed(problem);
        return false;
      }
    },
  };
}
