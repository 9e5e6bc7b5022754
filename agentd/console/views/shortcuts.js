// The keyboard: single keys while nothing is being typed, and the dialog that lists them and can switch them off.

import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { press } from "./composer.js";
import { interrupt } from "./conversation.js";

const KEYS = [
  ["Space", "Hold to talk"],
  ["m", "Connect the microphone; with an open microphone: off and on"],
  ["l", "Listen in, or hang up"],
  [".", "Interrupt the agent"],
  ["/", "Type a message"],
  ["n", "New session"],
  ["j  k", "Next, previous session"],
  ["Esc", "Leave the text field; back to the sessions"],
  ["?", "This list"],
];

/** Listen to the keys; `button` opens the list. */
export function shortcuts(store, talk, button) {
  const single = h("input", { type: "checkbox", checked: true });
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "keys-title" },
    h("form", { method: "dialog", class: "form" },
      h("h2", { id: "keys-title" }, "Keyboard"),
      h("dl", { class: "keys" }, KEYS.map(([key, meaning]) => [h("dt", null, key.split("  ").map((one) => h("kbd", null, one))), h("dd", null, meaning)])),
      h("label", { class: "check" }, single, "Use these keys"),
      h("div", { class: "row end" }, h("button", { class: "primary", type: "submit" }, "Close")),
    ),
  );
  document.body.append(dialog);
  fill(button, icon("keyboard"));
  button.addEventListener("click", () => dialog.showModal());

  const actions = {
    m: () => store.isLive(store.session) && press(talk),
    l: () => document.getElementById("listen").click(),
    ".": () => interrupt(store, talk),
    "/": () => document.getElementById("composer-text").focus(),
    n: () => document.getElementById("start").click(),
    j: () => step(store, 1),
    k: () => step(store, -1),
    "?": () => dialog.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (event.key === "Escape") {
      escape(store, event.target);
      return;
    }
    if (!single.checked || typing(event.target) || !document.body.classList.contains("inside")) return;
    if (event.key === " ") {
      if (talk.attached !== "talking" || pressable(event.target)) return;
      event.preventDefault();
      if (!event.repeat) talk.press();
    } else if (actions[event.key] && !event.repeat) {
      event.preventDefault();
      actions[event.key]();
    }
  });
  document.addEventListener("keyup", (event) => event.key === " " && talk.release());
  window.addEventListener("blur", () => talk.release());
}

function escape(store, target) {
  if (typing(target)) target.blur();
  else if (store.open !== null && matchMedia("(max-width: 760px)").matches) store.close();
}

function step(store, by) {
  const rows = [...document.querySelectorAll(".session")];
  const at = rows.findIndex((row) => row.getAttribute("aria-current"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
  next?.click();
}

const typing = (target) => target.matches?.("input:not([type=checkbox]):not([type=range]), textarea, select");
const pressable = (target) => target.matches?.("button, summary, a, audio");
