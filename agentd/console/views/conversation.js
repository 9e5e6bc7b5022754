// The open conversation: who it is, what can be done with it, its transcript, and its recording when it is over.

import { call, sessionPath } from "../api.js";
import { fill, h, set, setText } from "../dom.js";
import { icon } from "../icons.js";
import { plain, when } from "../words.js";
import { busy } from "./busy.js";
import { replay } from "./replay.js";
import { stateOf } from "./sessions.js";
import { transcript } from "./transcript.js";

/** The profile of compatible clients that name none: nothing to talk to by itself. */
const PASSTHROUGH = "passthrough";

/** Shows the open session in `place`. */
export function conversation(store, talk, place) {
  const title = h("h2", { id: "talk-title", tabindex: "-1" });
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  const state = h("span", { id: "talk-state", role: "status" });
  const about = h("p", { class: "talk-about" });
  const listen = button("listen", "headphones", "Listen in", "l");
  const hush = button("hush", "hush", "Interrupt", ".");
  const stop = button("stop", "stop", "Stop", null);
  const resume = button("resume", "play", "Go on from here", null);
  const details = h("button", { id: "details", class: "icon-button", type: "button", "aria-label": "Latency, calls and agent" }, icon("chart"));
  const head = h("header", { class: "talk-head" },
    h("div", { class: "talk-who" }, h("div", { class: "talk-name" }, title, h("span", { class: "chip" }, dot, state)), about),
    h("div", { class: "talk-tools" }, listen, hush, stop, resume, details),
  );
  const error = h("p", { class: "problem-text talk-error", role: "alert" });
  const scroll = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "What was said" });
  const agents = h("div", { class: "agents" });
  const welcome = h("div", { class: "empty centre welcome" },
    h("p", { class: "empty-title" }, "Choose a conversation, or start one."),
    h("p", null, "Everything said in it appears here as it happens: what was heard, which functions ran, what was said, and what of it was cut."),
    agents,
  );
  const player = replay(store, (n) => turns.follow(n));
  place.append(welcome, head, error, scroll, player.element);
  const turns = transcript(store, scroll, { onTurn: (turn) => player.play(turn) });

  listen.addEventListener("click", () => (talk.attached === "off" ? talk.listen() : talk.leave()));
  hush.addEventListener("click", () => interrupt(store, talk));
  stop.addEventListener("click", () => busy(stop, store, async () => store.keep(await call("DELETE", sessionPath(store.open)))));
  resume.addEventListener("click", () => busy(resume, store, () => goOn(store)));
  details.addEventListener("click", () => {
    const app = place.parentElement;
    app.dataset.pane = app.dataset.pane === "inspector" ? "talk" : "inspector";
    set(details, "aria-pressed", String(app.dataset.pane === "inspector"));
  });

  const show = () => {
    const { session } = store;
    const live = store.isLive(session);
    set(place, "data-open", store.open !== null ? "true" : null);
    welcome.hidden = store.open !== null;
    head.hidden = scroll.hidden = store.open === null;
    listen.hidden = hush.hidden = stop.hidden = !live;
    resume.hidden = session === null || live;
    error.hidden = !session?.error;
    if (!session) {
      document.title = "agentd";
      return;
    }
    setText(title, session.id);
    document.title = `${session.id} · agentd`;
    setText(state, live ? stateOf(session) : "ended");
    set(dot, "data-activity", live ? session.activity : "ended");
    set(dot, "data-state", session.state);
    const ending = live ? [] : [plain(session.end_reason)];
    setText(about, [session.agent, session.upstream, `since ${when(session.started_at)}`, ...ending].filter(Boolean).join(" · "));
    setText(error, session.error?.detail ?? "");
  };
  const offer = () => fill(agents, store.agents.filter((agent) => agent.upstream && agent.name !== PASSTHROUGH).map((agent) => offerOf(agent, store)));
  const hear = () => {
    const hearing = talk.attached !== "off";
    set(listen, "aria-pressed", String(hearing));
    setText(listen.querySelector("span"), hearing ? "Hang up" : "Listen in");
  };
  store.on("session", show);
  store.on("open", () => {
    set(details, "aria-pressed", "false");
    show();
    if (store.open !== null) title.focus();
  });
  store.on("agents", offer);
  talk.on("changed", hear);
  show();
  hear();
}

/** An agent to talk to at once, without a name or any other choice. */
function offerOf(agent, store) {
  const functions = agent.functions.length;
  const start = async () => store.show(await store.start({ agent: agent.name }));
  const card = h("button", { type: "button", class: "agent-card", onclick: () => busy(card, store, start) },
    h("b", null, `Talk to ${agent.name}`), h("span", null, `${agent.upstream}, ${functions} ${functions === 1 ? "function" : "functions"}`));
  return card;
}

/** Stop what the agent says, here and upstream. */
export async function interrupt(store, talk) {
  if (!store.isLive(store.session)) return;
  talk.hush();
  const runId = store.open;
  try {
    await call("POST", sessionPath(runId, "interrupt"));
    await store.checkLast();
  } catch (problem) {
    store.tell("problem", problem);
  }
}

/** A new run under the same name whose agent knows what was said; under a name of its own where that one is taken. */
async function goOn(store) {
  const { id, run_id: resume } = store.session;
  const taken = [...store.sessions.values()].some((session) => session.id === id && store.isLive(session));
  await store.show(await store.start(taken ? { resume } : { id, resume }));
}

function button(id, name, label, key) {
  return h("button", { id, class: "tool", type: "button", "aria-keyshortcuts": key }, icon(name), h("span", null, label));
}
