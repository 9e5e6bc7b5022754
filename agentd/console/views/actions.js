// The kill switch: one click stops everything that is felt or dangerous, and what is off is said in large.

import { call } from "../api.js";
import { fill, h, set, setText } from "../dom.js";
import { when } from "../words.js";
import { busy } from "./busy.js";

const LOOK_MS = 15000;

/** Shows the switch in `button`, and in `place` that actions are off. */
export function actions(store, button, place) {
  let state = null;
  const text = h("span");
  const allow = h("button", { type: "button", class: "small" }, "Allow actions again");
  fill(place, text, " ", allow);
  fill(button, "Stop all", h("span", { class: "wide-only" }, "\u00a0actions"));
  set(button, "aria-label", "Stop all actions");
  set(button, "title", "No function of the tiers medium and high is called any more, and those that run are stopped");
  const show = () => {
    const inside = document.body.classList.contains("inside");
    button.hidden = !inside || state === null || !state.enabled;
    place.hidden = !inside || state === null || state.enabled;
    if (state === null || state.enabled) return;
    const by = state.changed_by ? ` by ${state.changed_by}` : "";
    setText(text, `Actions are off since ${when(state.changed_at)}${by}: functions of the tiers medium and high do not run.`);
  };
  const look = async () => {
    if (!document.body.classList.contains("inside")) return show();
    state = await call("GET", "/v1/actions");
    show();
    store.waiting.count(state.waiting);
  };
  const turn = (path) => async () => {
    state = await call("POST", path);
    show();
  };
  button.addEventListener("click", () => busy(button, store, turn("/v1/actions/disable")));
  allow.addEventListener("click", () => busy(allow, store, turn("/v1/actions/enable")));
  store.on("link", () => store.link === "live" && quietly(look));
  setInterval(() => document.visibilityState === "visible" && quietly(look), LOOK_MS);
  new MutationObserver(() => {
    if (!document.body.classList.contains("inside")) state = null;
    show();
  }).observe(document.body, { attributeFilter: ["class"] });
  show();
}

/** The link says when the daemon does not answer; a token that may not see this shows no switch. */
async function quietly(look) {
  try {
    await look();
  } catch {
    // shown by the link, or not at all
  }
}
