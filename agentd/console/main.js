// Puts the page together: sign-in, then sessions, conversation and inspector over one store.

import { forgetToken, useToken } from "./api.js";
import { Talk } from "./audio/talk.js";
import { byId } from "./dom.js";
import { icon } from "./icons.js";
import { Store } from "./store.js";
import { actions } from "./views/actions.js";
import { banner } from "./views/banner.js";
import { composer } from "./views/composer.js";
import { conversation } from "./views/conversation.js";
import { inspector } from "./views/inspector.js";
import { sessions } from "./views/sessions.js";
import { shortcuts } from "./views/shortcuts.js";
import { signIn } from "./views/sign_in.js";
import { theme } from "./views/theme.js";
import { toasts } from "./views/toasts.js";
import { waiting } from "./views/waiting.js";

const store = new Store();
const talk = new Talk(store);
const notices = toasts(byId("toasts"));
let running = false;

store.on("problem", (problem) => notices.problem(problem));
theme(byId("theme"));
banner(store, byId("banner"), byId("link"));
actions(store, byId("stop-actions"), byId("actions-off"));
waiting(store, byId("waiting"));
const door = signIn(byId("sign-in"), enter);
sessions(store, byId("sessions"));
conversation(store, talk, byId("talk"));
composer(store, talk, byId("talk"));
inspector(store, byId("inspector"));
shortcuts(store, talk, byId("help"));

byId("leave").append(icon("leave"));
byId("leave").addEventListener("click", () => leave(null));
byId("back").append(icon("back"));
byId("back").addEventListener("click", () => store.close());
store.on("open", () => {
  byId("app").dataset.pane = store.open === null ? "sessions" : "talk";
  byId("back").hidden = store.open === null;
  const place = store.open === null ? location.pathname : `#${store.open}`;
  if (running) history.replaceState(null, "", place);
});
window.addEventListener("hashchange", openPlace);

async function enter(token) {
  useToken(token, leave);
  await store.begin();
  running = true;
  show(true);
  openPlace();
}

function leave(problem) {
  running = false;
  forgetToken();
  talk.leave();
  store.end();
  show(false);
  door.ask(problem);
}

function show(inside) {
  byId("sign-in").hidden = inside;
  byId("app").hidden = !inside;
  byId("leave").hidden = !inside;
  document.body.classList.toggle("inside", inside);
}

/** The run named in the address, if any: a link to a conversation, never a token. */
function openPlace() {
  const runId = location.hash.slice(1);
  if (running && /^[0-9A-Z]{26}$/.test(runId) && runId !== store.open) store.show(runId);
}
