// The list of sessions: those that run, those that ran, and the way to start one.

import { fill, h, keyed, set, setText } from "../dom.js";
import { icon } from "../icons.js";
import { plain, when } from "../words.js";
import { startDialog } from "./start.js";

/** Shows the list in `place`. */
export function sessions(store, place) {
  const dialog = startDialog(store);
  const start = h("button", { id: "start", class: "primary wide", type: "button", "aria-keyshortcuts": "n", onclick: () => dialog.open() },
    icon("plus"), "New session");
  const live = h("ul", { class: "session-list", "aria-labelledby": "live-title" });
  const ended = h("ul", { class: "session-list", "aria-labelledby": "ended-title" });
  const none = h("div", { class: "empty" },
    h("p", { class: "empty-title" }, "Nobody is on the line."),
    h("p", null, "Start a session here, or from anywhere else:"),
    h("code", { class: "block" }, "curl -H @$S/auth -X PUT $A/v1/sessions/kitchen"),
  );
  const endedTitle = h("h2", { id: "ended-title" }, "Earlier");
  const more = h("button", { class: "small", type: "button", onclick: () => store.more().catch((problem) => store.tell("problem", problem)) }, "Show more");
  fill(place, start, h("h2", { id: "live-title" }, "Live"), live, none, endedTitle, ended, more);

  const row = (session) => {
    const name = h("span", { class: "session-name" });
    const note = h("span", { class: "session-note" });
    const last = h("span", { class: "session-last" });
    const dot = h("span", { class: "dot", "aria-hidden": "true" });
    const button = h("button", { type: "button", class: "session", onclick: () => store.show(session.run_id) },
      dot, h("span", { class: "session-top" }, name, note), last);
    return [h("li", null, button), (now) => {
      const isLive = store.isLive(now);
      setText(name, now.id);
      setText(note, isLive ? stateOf(now) : when(now.started_at));
      setText(last, now.last_said ?? now.last_heard ?? [now.agent, !isLive && plain(now.end_reason)].filter(Boolean).join(", "));
      set(dot, "data-activity", isLive ? now.activity : "ended");
      set(dot, "data-state", now.state);
      set(button, "aria-current", now.run_id === store.open ? "true" : null);
    }];
  };
  const show = () => {
    const all = [...store.sessions.values()].sort((a, b) => (a.run_id < b.run_id ? 1 : -1));
    const running = all.filter((session) => store.isLive(session));
    const over = all.filter((session) => !store.isLive(session));
    keyed(live, running, (session) => session.run_id, row);
    keyed(ended, over, (session) => session.run_id, row);
    none.hidden = running.length > 0;
    live.hidden = running.length === 0;
    endedTitle.hidden = ended.hidden = over.length === 0;
    more.hidden = store.older === null;
  };
  store.on("sessions", show);
  store.on("open", show);
  show();
}

/** What a live session does, in a word. */
export function stateOf(session) {
  return session.state === "active" ? session.activity : session.state;
}
