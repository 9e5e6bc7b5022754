// The transcript: every turn with what was heard, called, said, and what of it was cut before anybody heard it.

import { fill, h, keyed, set, setText } from "../dom.js";
import { cutOf, seconds, timeOf } from "../words.js";
import { callRow } from "./call.js";
import { stages } from "./stages.js";

const NEAR_END_PX = 120;

/** Shows the turns in `place` and keeps its end in view while the reader is there. `onTurn(n)` follows a click on a turn's time. */
export function transcript(store, place, { onTurn } = {}) {
  const list = h("ol", { class: "turns" });
  const log = h("div", { class: "log", role: "log", "aria-label": "Transcript", "aria-live": "polite", "aria-relevant": "additions text" }, list);
  const empty = h("div", { class: "empty centre" });
  place.append(empty, log);

  let atEnd = true;
  const toEnd = () => {
    if (atEnd) place.scrollTop = place.scrollHeight;
  };
  place.addEventListener("scroll", () => {
    atEnd = place.scrollHeight - place.scrollTop - place.clientHeight < NEAR_END_PX;
  }, { passive: true });
  new ResizeObserver(toEnd).observe(place);

  const show = () => {
    const turns = store.conversation.all;
    settle(list, turns);
    keyed(list, turns, keyOf, () => turnRow(onTurn));
    empty.hidden = turns.length > 0;
    log.hidden = turns.length === 0;
    set(log, "aria-live", store.loading ? "off" : "polite"); // the past is read on request, not read out
    fill(empty, ...emptiness(store));
    toEnd();
  };
  store.on("turns", show);
  store.on("open", () => {
    atEnd = true;
    list.replaceChildren();
    show();
  });
  store.on("session", () => fill(empty, ...emptiness(store)));
  return {
    /** Mark the turn that is being replayed. */
    follow(n) {
      for (const element of list.children) set(element, "data-playing", element.dataset.key === String(n) ? "true" : null);
      list.querySelector("[data-playing]")?.scrollIntoView({ block: "nearest", behavior: "smooth" });
    },
  };
}

const keyOf = (turn) => turn.n ?? "now";

/** What was going on has become the last turn: its element stays, or a screen reader would say all of it again. */
function settle(list, turns) {
  const element = [...list.children].find((one) => one.dataset.key === "now");
  const last = turns.at(-1);
  if (!element || !last || last.n === null) return;
  if (![...list.children].some((one) => one.dataset.key === String(last.n))) element.dataset.key = last.n;
}

function emptiness(store) {
  if (store.open === null) return [];
  if (store.loading) return [h("p", null, "Reading the conversation…")];
  if (!store.isLive(store.session)) return [h("p", { class: "empty-title" }, "Nothing was said."), h("p", null, "This session ended without a turn.")];
  return [h("p", { class: "empty-title" }, "The line is open."), h("p", null, "Hold the microphone and speak, or type below.")];
}

function turnRow(onTurn) {
  const time = h("button", { class: "turn-time", type: "button" });
  const heard = speech("user", "You");
  const calls = h("div", { class: "turn-calls" });
  const said = speech("agent", "Agent");
  const foot = h("div", { class: "turn-foot" });
  const element = h("li", { class: "turn" }, time, h("div", { class: "turn-body" }, heard.element, calls, said.element, foot));
  let shown = null;
  time.addEventListener("click", () => onTurn?.(shown));
  return [element, (turn) => {
    shown = turn;
    setText(time, turn.started_at ? timeOf(turn.started_at) : "");
    set(time, "aria-label", turn.n === null ? "Going on now" : `Turn ${turn.n}, ${turn.started_at ? timeOf(turn.started_at) : ""}`);
    set(element, "data-outcome", turn.outcome ?? "open");
    set(element, "data-cause", turn.cause);
    heard.show(turn.heard ?? (turn.listening ? "…" : null), "", turn.listening && !turn.heard && "heard");
    const hidden = turn.n !== null && turn.said === undefined;
    const [played, cut] = hidden ? ["This token may not read what was said.", ""] : cutOf(turn);
    said.show(played || (cut ? "" : null), cut, hidden && "hidden");
    keyed(calls, turn.calls, (call) => call.call_id, callRow);
    calls.hidden = turn.calls.length === 0;
    showFoot(foot, turn);
  }];
}

/** One side's line; the words a barge-in cut are struck out, and said to be cut. */
function speech(kind, who) {
  const words = h("span", { class: "words" });
  const cut = h("del", { class: "cut" });
  const note = h("span", null, " ", h("span", { class: "visually-hidden" }, "not heard: "));
  const element = h("p", { class: `line ${kind}` }, h("b", { class: "who" }, who), words, note, cut);
  return {
    element,
    show(text, lost, waiting) {
      element.hidden = text === null;
      setText(words, text ?? "");
      setText(cut, lost);
      note.hidden = cut.hidden = !lost;
      set(element, "data-waiting", waiting || null);
    },
  };
}

function showFoot(foot, turn) {
  const notes = [];
  if (turn.outcome && turn.outcome !== "completed") notes.push(h("span", { class: `tag ${turn.outcome}` }, turn.outcome));
  if (turn.cause === "text") notes.push(h("span", { class: "tag" }, "typed"));
  const total = turn.latency?.total_s;
  foot.hidden = notes.length === 0 && !total;
  const key = JSON.stringify([turn.outcome, turn.cause, turn.latency]);
  if (foot.dataset.shown === key) return;
  foot.dataset.shown = key;
  fill(foot, ...notes, total ? [stages(turn.latency), h("span", { class: "total" }, seconds(total))] : []);
}
