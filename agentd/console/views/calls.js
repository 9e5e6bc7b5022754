// Every function call of the conversation, newest first; those that wait for a confirmation stand above the rest.

import { fill, h, keyed } from "../dom.js";
import { callRow } from "./call.js";

/** Shows them in `place`. */
export function callsTab(store, place) {
  const waiting = h("div", { class: "calls waiting-calls" });
  const list = h("div", { class: "calls" });
  const title = h("h3", null, "Waiting for confirmation");
  const note = h("p", { class: "hint" }, "Approve or refuse them above; nothing runs before that.");
  const empty = h("div", { class: "empty" }, h("p", { class: "empty-title" }, "No function was called."), h("p", null, "Calls show here with arguments, result and time, as they run."));
  fill(place, title, waiting, note, empty, list);
  const show = () => {
    const calls = store.conversation.all.flatMap((turn) => turn.calls).reverse();
    const held = calls.filter((call) => call.waiting && !call.outcome);
    title.hidden = waiting.hidden = note.hidden = held.length === 0;
    empty.hidden = calls.length > 0;
    keyed(waiting, held, (call) => call.call_id, callRow);
    keyed(list, calls.filter((call) => !held.includes(call)), (call) => call.call_id, callRow);
  };
  store.on("turns", show);
  show();
}
