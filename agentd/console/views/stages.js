// The stages of a turn's latency: one bar for a turn, the same names and colours everywhere.

import { h, s } from "../dom.js";
import { seconds } from "../words.js";

/** In the order in which they happen; the parts add up to `total_s`. */
export const STAGES = [
  ["endpointing", "Endpointing", "deciding that the sentence is over"],
  ["listen", "Listen", "speech to text"],
  ["think", "Think", "the model, until it has something to say"],
  ["function", "Function", "your function calls"],
  ["speak", "Speak", "text to speech, until its first sound"],
  ["rest", "Rest", "what no stage accounts for"],
];

/** `[stage, label, seconds]` of every stage that took time. */
export function partsOf(latency) {
  return STAGES.map(([name, label]) => [name, label, latency?.[`${name}_s`] ?? 0]).filter(([, , took]) => took > 0);
}

/** What a turn's bar says to who cannot see it. */
export function spoken(latency) {
  const parts = partsOf(latency).map(([, label, took]) => `${label} ${seconds(took)}`);
  return `${seconds(latency.total_s)} until the first sound: ${parts.join(", ")}`;
}

/** A turn's latency as a thin bar. */
export function stages(latency) {
  let x = 0;
  const total = latency.total_s || 1;
  const bars = partsOf(latency).map(([name, label, took]) => {
    const width = (took / total) * 100;
    const bar = s("rect", { class: `stage ${name}`, x, y: 0, width, height: 6 }, s("title", null, `${label} ${seconds(took)}`));
    x += width;
    return bar;
  });
  return s("svg", { class: "stage-bar", viewBox: "0 0 100 6", preserveAspectRatio: "none", role: "img", "aria-label": spoken(latency) }, bars);
}

/** The names of the stages with their colours. */
export function legend() {
  return h("ul", { class: "legend" }, STAGES.map(([name, label, meaning]) => h("li", { title: meaning }, h("span", { class: `swatch ${name}`, "aria-hidden": "true" }), label)));
}
