// What the user does in a conversation: hold the microphone, open it, or type; with a meter for each end.

import { call, sessionPath } from "../api.js";
import { h, set, setText } from "../dom.js";
import { icon } from "../icons.js";
import { busy } from "./busy.js";
import { meter } from "./meter.js";
import { soundSettings } from "./sound_settings.js";

const HINTS = {
  off: { hold: "Connect the microphone to talk", open: "Connect the microphone to talk" },
  joining: { hold: "Connecting…", open: "Connecting…" },
  listening: { hold: "Listening in", open: "Listening in" },
  talking: { hold: "Hold the button or the space bar to talk", open: "The microphone is open" },
};

/** Shows it at the end of `place`. */
export function composer(store, talk, place) {
  const mic = h("button", { id: "mic", class: "mic", type: "button", "aria-keyshortcuts": "Space m" }, icon("mic"));
  const hint = h("p", { class: "mic-hint", role: "status" });
  const mode = h("button", { id: "mode", class: "small", type: "button", role: "switch" }, "Open mic");
  const gear = h("button", { id: "sound", class: "icon-button", type: "button", "aria-label": "Audio settings" }, icon("gear"));
  const user = meter("You", "in");
  const agent = meter("Agent", "out");
  const text = h("input", { id: "composer-text", type: "text", autocomplete: "off", enterkeyhint: "send", placeholder: "Type to the agent", "aria-label": "Message to the agent", "aria-keyshortcuts": "/", maxlength: 4000 });
  const send = h("button", { class: "icon-button solid", type: "submit", "aria-label": "Send" }, icon("send"));
  const form = h("form", { class: "composer-type", method: "post" }, text, send);
  const element = h("footer", { class: "composer", "aria-label": "Talk and type" },
    h("div", { class: "composer-sound" }, hint, h("div", { class: "meters" }, user.element, agent.element), h("span", { class: "row" }, mode, gear)),
    h("div", { class: "composer-main" }, mic, form),
  );
  place.append(element);
  const settings = soundSettings(talk, store);
  gear.addEventListener("click", () => settings.open());

  mic.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || talk.attached !== "talking" || talk.mode !== "hold") return;
    mic.setPointerCapture(event.pointerId);
    talk.press();
  });
  for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) mic.addEventListener(name, () => talk.release());
  mic.addEventListener("contextmenu", (event) => event.preventDefault());
  mic.addEventListener("click", (event) => press(talk, event.detail === 0));
  mic.addEventListener("keydown", (event) => {
    if (event.key !== " " || talk.attached !== "talking" || talk.mode !== "hold") return;
    event.preventDefault();
    talk.press();
  });
  mic.addEventListener("keyup", (event) => {
    if (event.key !== " " || talk.attached !== "talking" || talk.mode !== "hold") return;
    event.preventDefault(); // or letting go of it would count as a click
    talk.release();
  });
  mic.addEventListener("blur", () => talk.release());
  mode.addEventListener("click", () => talk.setMode(talk.mode === "hold" ? "open" : "hold"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    say(store, text, send);
  });
  talk.on("level", ({ end, level }) => (end === "in" ? user : agent).show(level));

  const show = () => {
    const { attached } = talk;
    element.hidden = store.open === null || !store.isLive(store.session);
    set(mic, "data-attached", attached);
    set(mic, "data-hot", talk.hot ? "true" : null);
    set(mic, "aria-label", micLabel(talk));
    set(mic, "aria-pressed", attached === "talking" ? String(talk.hot) : null);
    setText(hint, talk.muted && talk.mode === "open" && attached === "talking" ? "The microphone is off" : HINTS[attached][talk.mode]);
    set(mode, "aria-checked", String(talk.mode === "open"));
    set(element, "data-attached", attached);
  };
  talk.on("changed", show);
  store.on("session", show);
  store.on("open", show);
  show();
}

/** The microphone's button: connect; then, with an open microphone, off and on. Who cannot hold it clicks it on and off. */
export function press(talk, byKey = false) {
  if (talk.attached === "off" || talk.attached === "listening") talk.talk();
  else if (talk.attached === "talking" && talk.mode === "open") talk.mute(!talk.muted);
  else if (talk.attached === "talking" && byKey) talk.hot ? talk.release() : talk.press();
}

function micLabel({ attached, mode, hot }) {
  if (attached !== "talking") return "Connect the microphone";
  if (mode === "hold") return "Hold to talk";
  return hot ? "Turn the microphone off" : "Turn the microphone on";
}

async function say(store, text, send) {
  const content = text.value.trim();
  if (!content) return;
  await busy(send, store, async () => {
    await call("POST", sessionPath(store.open, "messages"), { role: "user", content });
    text.value = "";
  });
  text.focus();
}
