// Light, dark, or as the system has it. The choice is the one thing the console keeps between visits.

import { fill, set } from "../dom.js";
import { icon } from "../icons.js";

const KEY = "agentd-theme";
const NEXT = { auto: "light", light: "dark", dark: "auto" };
const ICONS = { auto: "auto", light: "sun", dark: "moon" };
const NAMES = { auto: "as the system", light: "light", dark: "dark" };

/** Make `button` switch the theme. */
export function theme(button) {
  let chosen = NEXT[remembered()] ? remembered() : "auto";
  const show = () => {
    set(document.documentElement, "data-theme", chosen === "auto" ? null : chosen);
    fill(button, icon(ICONS[chosen]));
    set(button, "aria-label", `Colours: ${NAMES[chosen]}`);
    set(button, "title", `Colours: ${NAMES[chosen]}`);
  };
  button.addEventListener("click", () => {
    chosen = NEXT[chosen];
    remember(chosen);
    show();
  });
  show();
}

function remembered() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off: the theme then lasts as long as the page
  }
}

function remember(chosen) {
  try {
    localStorage.setItem(KEY, chosen);
  } catch {
    // as above
  }
}
