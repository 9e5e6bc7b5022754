// The recording of a conversation with the transcript following, and the sound of single turns.

import { request, sessionPath } from "../api.js";
import { h, setText } from "../dom.js";
import { icon } from "../icons.js";

const WORD_MS = 400;
const SENTENCE_MS = 8000;

/** `element` belongs below the transcript; `onTurn(n)` is told which turn is heard, or null. */
export function replay(store, onTurn) {
  const audio = h("audio", { controls: true, preload: "auto" });
  const load = h("button", { id: "replay", class: "tool", type: "button" }, icon("play"), h("span", null, "Replay the recording"));
  const note = h("span", { class: "quiet", role: "status" });
  const element = h("div", { class: "replay" }, load, audio, note);
  let url = null;
  let whole = false;
  let began = 0;

  const use = async (path) => {
    const runId = store.open;
    const response = await request("GET", path);
    began = Date.parse(response.headers.get("Recording-Started-At") ?? store.session.started_at);
    const blob = await response.blob();
    if (runId !== store.open) return false;
    if (url !== null) URL.revokeObjectURL(url);
    url = URL.createObjectURL(blob);
    audio.src = url;
    audio.hidden = false;
    return true;
  };
  const attempt = async (path, isWhole, from) => {
    load.disabled = true;
    setText(note, "Loading…");
    try {
      if (!(await use(path))) return;
      whole = isWhole;
      load.hidden = isWhole;
      audio.currentTime = from;
      await audio.play();
    } catch (problem) {
      if (problem.name !== "AbortError" && problem.name !== "NotAllowedError") store.tell("problem", problem);
    } finally {
      load.disabled = false;
      setText(note, "");
    }
  };
  const reset = () => {
    audio.pause();
    audio.removeAttribute("src");
    if (url !== null) URL.revokeObjectURL(url);
    url = null;
    whole = false;
    audio.hidden = true;
    load.hidden = false;
    onTurn(null);
  };
  const follow = () => {
    if (whole) onTurn(turnAt(store.conversation.all, began + audio.currentTime * 1000));
  };

  load.addEventListener("click", () => attempt(sessionPath(store.open, "recording"), true, 0));
  audio.addEventListener("timeupdate", follow);
  audio.addEventListener("seeked", follow);
  audio.addEventListener("ended", () => onTurn(null));
  const show = () => {
    const over = store.session !== null && !store.isLive(store.session);
    load.hidden = whole || !over || store.session?.links?.recording === undefined;
    element.hidden = load.hidden && audio.hidden;
  };
  store.on("open", () => {
    reset();
    show();
  });
  store.on("session", show);
  audio.hidden = true;
  show();
  return {
    element,
    /** Hear this turn: at its place in the recording, else what the agent said in it. */
    async play(turn) {
      if (turn.n === null) return;
      if (whole) {
        audio.currentTime = Math.max(0, (beginning(turn) - began) / 1000);
        await audio.play();
        return;
      }
      if (!turn.audio) return;
      await attempt(sessionPath(store.open, "turns", turn.n, "audio"), false, 0);
      show();
      onTurn(turn.n);
    },
  };
}

/** When a turn is first heard, in Unix milliseconds: a spoken one is known when its sentence is over. */
function beginning(turn) {
  const words = turn.cause === "speech" ? (turn.heard ?? "").split(/\s+/).length : 0;
  return Date.parse(turn.started_at) - Math.min(SENTENCE_MS, words * WORD_MS);
}

function turnAt(turns, time) {
  let found = null;
  for (const turn of turns) if (turn.n !== null && beginning(turn) <= time) found = turn.n;
  return found;
}
