// One function call: name, arguments, result, time; open it for the whole of them.

import { fill, h, set, setText } from "../dom.js";
import { argumentsOf, seconds, value } from "../words.js";

const open = (call) => (call.waiting ? "waiting for confirmation" : call.unawaited ? "runs on unanswered" : "running");

/** `[element, update]` of a call. */
export function callRow() {
  const name = h("code", { class: "call-name" });
  const given = h("span", { class: "call-arguments" });
  const outcome = h("span", { class: "tag" });
  const took = h("span", { class: "total" });
  const whole = h("dl", { class: "call-whole" });
  const element = h("details", { class: "call" }, h("summary", null, name, given, outcome, took), whole);
  return [element, (call) => {
    setText(name, call.name);
    setText(given, argumentsOf(call.arguments));
    setText(outcome, call.outcome ?? open(call));
    set(outcome, "class", `tag ${call.outcome ?? (call.waiting ? "waiting" : "running")}`);
    setText(took, call.duration_s === null ? "" : seconds(call.duration_s));
    const key = JSON.stringify(call);
    if (whole.dataset.shown === key) return;
    whole.dataset.shown = key;
    fill(whole, ...pairs(call));
  }];
}

function pairs(call) {
  const rows = [];
  const given = call.arguments && typeof call.arguments === "object" ? Object.entries(call.arguments) : [];
  for (const [name, one] of given) rows.push(h("dt", null, name), h("dd", null, value(one)));
  if (call.result !== undefined && call.result !== null) rows.push(h("dt", null, "result"), h("dd", { class: "call-result" }, value(call.result)));
  rows.push(h("dt", null, "id"), h("dd", null, h("code", null, call.call_id)));
  return rows;
}
