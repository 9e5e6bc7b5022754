// How loud one end of the line is.

import { h, set } from "../dom.js";

const FLOOR_DB = -60;
const FALL = 0.86;
const LOUD = 0.4;

/** A meter for `label`; `show(level)` takes an amplitude between 0 and 1. */
export function meter(label, kind) {
  const bar = h("span", { class: "meter-bar" });
  const element = h("span", { class: `meter ${kind}`, "aria-hidden": "true" }, h("span", { class: "meter-name" }, label), h("span", { class: "meter-track" }, bar));
  let shown = 0;
  let due = false;
  return {
    element,
    show(level) {
      const decibels = level > 0 ? 20 * Math.log10(level) : FLOOR_DB;
      shown = Math.max(Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB)), shown * FALL);
      if (due) return;
      due = true;
      requestAnimationFrame(() => {
        due = false;
        bar.style.setProperty("transform", `scaleX(${shown.toFixed(3)})`);
        set(element, "data-loud", shown > LOUD ? "true" : null);
      });
    },
  };
}
