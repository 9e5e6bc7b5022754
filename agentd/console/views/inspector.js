// What lies beside a conversation, one tab each.

import { fill, h, set } from "../dom.js";
import { agentTab } from "./agent.js";
import { aboutTab } from "./about.js";
import { callsTab } from "./calls.js";
import { latencyTab } from "./latency.js";

const TABS = [
  ["latency", "Latency", latencyTab],
  ["calls", "Calls", callsTab],
  ["agent", "Agent", agentTab],
  ["about", "Session", aboutTab],
];

/** Shows the tabs in `place`. */
export function inspector(store, place) {
  const tabs = TABS.map(([name, label], i) => h("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}`, "aria-selected": String(i === 0), tabindex: i === 0 ? "0" : "-1" }, label));
  const panels = TABS.map(([name], i) => h("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, tabindex: "0", hidden: i !== 0 }));
  fill(place, h("div", { class: "tabs", role: "tablist", "aria-label": "Details" }, tabs), ...panels);
  TABS.forEach(([, , make], i) => make(store, panels[i]));

  const choose = (chosen, focus) => {
    tabs.forEach((tab, i) => {
      set(tab, "aria-selected", String(i === chosen));
      set(tab, "tabindex", i === chosen ? "0" : "-1");
      panels[i].hidden = i !== chosen;
    });
    if (focus) tabs[chosen].focus();
  };
  tabs.forEach((tab, i) => {
    tab.addEventListener("click", () => choose(i, false));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      choose((i + step + tabs.length) % tabs.length, true);
    });
  });
}
