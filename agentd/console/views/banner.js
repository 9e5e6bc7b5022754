// How the daemon is: the connection in the bar, and a banner for what concerns every conversation.

import { addressOf } from "../api.js";
import { set, setText } from "../dom.js";
import { plain } from "../words.js";

const LOOK_MS = 15000;
const LINKS = { connecting: "Connecting", live: "Live", lost: "Reconnecting", refused: "Refused" };
const REASONS = {
  draining: "The daemon is draining: conversations may end, no new ones start.",
  "engine-starting": "The embedded engine is starting; conversations can begin in a moment.",
  "engine-failed": "The embedded engine does not run. Its reason is in the daemon’s log and in agentd doctor.",
  "no-upstream": "No agent can be reached: there is neither a Deepgram key nor an engine. agentd doctor says more.",
};

/** Shows the link in `mark`, and in `place` what is wrong with the daemon as a whole. */
export function banner(store, place, mark) {
  let reason = null;
  const show = () => {
    const inside = document.body.classList.contains("inside");
    const lost = inside && store.link === "lost";
    const text = lost ? "The connection to the daemon is gone. It is tried again until it is back." : reason;
    place.hidden = !text;
    setText(place, text ?? "");
    set(place, "data-kind", lost ? "bad" : "warn");
    set(mark, "data-link", inside ? store.link : null);
    setText(mark, inside ? LINKS[store.link] : "");
  };
  const look = async () => {
    try {
      const response = await fetch(addressOf("/readyz"), { cache: "no-store" });
      const { reason: code } = await response.json();
      reason = response.ok ? null : REASONS[code] ?? `The daemon cannot start conversations: ${plain(code)}.`;
    } catch {
      reason = null; // the link says it
    }
    show();
  };
  store.on("link", () => (store.link === "live" ? look() : show()));
  setInterval(() => document.visibilityState === "visible" && look(), LOOK_MS);
  new MutationObserver(show).observe(document.body, { attributeFilter: ["class"] });
  look();
}
