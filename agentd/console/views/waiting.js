// What waits for a person, above everything else: approve or refuse, or answer, while there is time.

import { fill, h, keyed, set, setText } from "../dom.js";
import { value } from "../words.js";
import { busy } from "./busy.js";

const COMMAND = "agentd token --scope confirm";

/** Shows it in `place`. */
export function waiting(store, place) {
  const { waiting: wait } = store;
  const list = h("div", { class: "wait-list" });
  const { form, show: showForm } = confirmer(store, wait);
  const number = h("span");
  const fetch = h("button", { type: "button", class: "small" }, "Show them");
  const unseen = h("p", { class: "row" }, number, fetch);
  fetch.addEventListener("click", () => busy(fetch, store, () => wait.load()));
  fill(place, h("h2", { class: "visually-hidden" }, "Waiting for a person"), list, unseen, form);
  const show = () => {
    wait.sweep();
    const items = [...wait.items.values()];
    place.hidden = items.length === 0 && wait.unseen === 0;
    unseen.hidden = wait.unseen === 0;
    setText(number, `${wait.unseen === 1 ? "One more call waits" : `${wait.unseen} more calls wait`} for a confirmation.`);
    keyed(list, items, (item) => `${item.run}:${item.call_id}`, (item) => (item.kind === "confirm" ? confirmation(store, wait) : question(store, wait)));
    showForm(items);
  };
  store.on("waiting", show);
  setInterval(() => !place.hidden && show(), 500);
  show();
}

function confirmation(store, wait) {
  let shown = null;
  const decide = (approve) => (event) => busy(event.currentTarget, store, () => wait.decide(shown, approve));
  const approve = h("button", { type: "button", class: "primary", onclick: decide(true) }, "Approve");
  const refuse = h("button", { type: "button", onclick: decide(false) }, "Refuse");
  const card = frame(store, "wants to call", approve, refuse);
  return [card.element, (item) => {
    shown = item;
    card.show(item);
  }];
}

function question(store, wait) {
  let shown = null;
  const field = h("input", { type: "text", class: "wait-answer", "aria-label": "Result of the call", placeholder: "Result" });
  const send = h("button", { type: "submit", class: "primary" }, "Answer");
  const fail = h("button", { type: "button" }, "It failed");
  const form = h("form", { class: "row" }, field, send, fail);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(send, store, () => wait.answer(shown, { result: field.value }));
  });
  fail.addEventListener("click", () => busy(fail, store, () => wait.answer(shown, { error: field.value || "It failed." })));
  const card = frame(store, "asks to be answered:", form);
  return [card.element, (item) => {
    shown = item;
    card.show(item);
  }];
}

/** A card: who wants what, with which arguments, for how much longer. */
function frame(store, wants, ...controls) {
  const who = h("button", { type: "button", class: "link-button" });
  const name = h("code", { class: "call-name" });
  const tier = h("span", { class: "tag" });
  const left = h("span", { class: "total", role: "timer" });
  const given = h("dl", { class: "call-whole" });
  const element = h("article", { class: "wait" },
    h("p", { class: "wait-head" }, who, ` ${wants} `, name, " ", tier, left), given, h("div", { class: "row wait-controls" }, ...controls));
  let run = null;
  who.addEventListener("click", () => store.show(run));
  return {
    element,
    show(item) {
      run = item.run;
      setText(who, item.agent && item.agent !== item.session ? `${item.session} (${item.agent})` : item.session);
      setText(name, item.name);
      setText(tier, item.tier ?? "");
      tier.hidden = !item.tier;
      setText(left, `${Math.max(0, Math.ceil((item.ends - performance.now()) / 1000))} s left`);
      set(element, "aria-label", `${item.name}, waiting`);
      const key = JSON.stringify(item.arguments ?? null);
      if (given.dataset.shown === key) return;
      given.dataset.shown = key;
      const known = item.arguments && typeof item.arguments === "object" ? Object.entries(item.arguments) : null;
      fill(given, known === null
        ? [h("dt", null, "arguments"), h("dd", null, "This token may not read them.")]
        : known.flatMap(([argument, one]) => [h("dt", null, argument), h("dd", null, value(one))]));
    },
  };
}

/** The way out when the page's token may not confirm: one that may, held in memory. */
function confirmer(store, wait) {
  const why = h("p", { class: "problem-text", role: "alert" });
  const field = h("input", { type: "password", id: "confirm-token", autocomplete: "off", spellcheck: "false", required: true });
  const use = h("button", { type: "submit" }, "Use it");
  const form = h("form", { class: "wait-token", hidden: true },
    why,
    h("label", { for: "confirm-token" }, "A token that may confirm; it stays in this page’s memory (", h("code", null, COMMAND), ")"),
    h("div", { class: "row" }, field, use));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(use, store, async () => {
      await wait.load(field.value.trim());
      field.value = "";
    });
  });
  return {
    form,
    show(items) {
      form.hidden = wait.refusal === null || !(wait.unseen > 0 || items.some((item) => item.kind === "confirm"));
      setText(why, wait.refusal?.detail ?? "");
    },
  };
}
