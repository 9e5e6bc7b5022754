// The icons: strokes on a grid of 24, in the colour of the text around them.

import { s } from "./dom.js";

const PATHS = {
  back: "M15 5l-7 7 7 7",
  close: "M6 6l12 12M18 6L6 18",
  gear: "M4 7h10M18 7h2M4 17h2M10 17h10M14 4.5v5M10 14.5v5",
  headphones: "M4 15v-2a8 8 0 0 1 16 0v2M4 15h3v5H5.500a1.5 1.5 0 0 1-1.5-1.500zM20 15h-3v5h1.500a1.5 1.5 0 0 0 1.5-1.500z",
  keyboard: "M3 7h18v10H3zM7 10.500h.01M11 10.500h.01M15 10.500h.01M8 14h8",
  key: "M14.5 9.500a4 4 0 1 0-3.800 4L13 11.200M12 12l7 7M16.5 16.500l2-2",
  leave: "M10 5H5v14h5M14 8l4 4-4 4M18 12H9",
  mic: "M12 4a2.5 2.5 0 0 1 2.5 2.500v5a2.5 2.5 0 0 1-5 0v-5A2.5 2.5 0 0 1 12 4zM6.5 11.500a5.5 5.5 0 0 0 11 0M12 17v3",
  moon: "M19 14.500A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.500z",
  auto: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
  play: "M8 5.500l10 6.5-10 6.500z",
  plus: "M12 5v14M5 12h14",
  send: "M5 12h13M12.5 6l6 6-6 6",
  stop: "M7 7h10v10H7z",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 3v1.500M12 19.500V21M3 12h1.500M19.5 12H21M5.600 5.600l1.100 1.100M17.300 17.300l1.100 1.100M5.600 18.400l1.100-1.100M17.300 6.700l1.100-1.100",
  hush: "M4 9.500h3.500L12 6v12l-4.5-3.500H4zM16 9.500l5 5M21 9.500l-5 5",
  chart: "M5 20V11M12 20V5M19 20v-6",
};

/** An icon that says nothing to a screen reader: the button around it has the name. */
export function icon(name) {
  return s(
    "svg",
    { class: "icon", viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false" },
    s("path", { d: PATHS[name], fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" }),
  );
}
