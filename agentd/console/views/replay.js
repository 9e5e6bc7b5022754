// The recording of a conversation with the transcript following, and the sound of single turns.

import { request, sessionPath } from "../api.js";
import { h, setText } from "../dom.js";
import { icon } from "../icons.js";

/** `element` belongs below the transcript; `onTurn(n)` is told which turn is heard, or null. */
export function replay(store, onTurn) {
  const audio = h("audio", { controls: true, preload: "auto" });
  const load = h("button", { id: "replay", class: "tool", type: "button" }, icon("play"), h("span", null, "Replay the recording"));
  const note = h("span", { class: "quiet", role: "status" });
  const element = h("div", { class: "replay" }, load, audio, note);
  let url = null;
  let whole = false;

  const use = async (path) => {
    const runId = store.open;
    const response = await request("GET", path);
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
    if (whole) onTurn(turnAt(store, audio.currentTime));
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
        audio.currentTime = Math.max(0, offset(store, turn));
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

function offset(store, turn) {
  return (Date.parse(turn.started_at) - Date.parse(store.session.started_at)) / 1000;
}

function turnAt(store, seconds) {
  let found = null;
  for (const turn of store.conversation.all) if (turn.n !== null && offset(store, turn) <= seconds + 0.2) found = turn.n;
  return found;
}
