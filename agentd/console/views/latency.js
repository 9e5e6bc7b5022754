// Latency per turn: a chart of stacked stages, its two telling numbers, and the same as a table.

import { fill, h, s } from "../dom.js";
import { seconds } from "../words.js";
import { legend, partsOf, spoken, STAGES } from "./stages.js";

const MOST = 30;
const [WIDTH, HEIGHT, LEFT, TOP, BOTTOM] = [320, 190, 30, 10, 18];
const STEPS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50];

/** Shows it in `place`. */
export function latencyTab(store, place) {
  const numbers = h("div", { class: "numbers" });
  const chart = h("div", { class: "chart" });
  const table = h("div", { class: "table-scroll", tabindex: "0", role: "region", "aria-label": "Latency of each turn" });
  const empty = h("div", { class: "empty" }, h("p", { class: "empty-title" }, "No turn was measured yet."), h("p", null, "Each answer shows here how long it took from the end of the sentence to its first sound, and which stage took it."));
  const whole = h("div", null, numbers, chart, legend(), h("details", { class: "as-table" }, h("summary", null, "As a table"), table));
  fill(place, empty, whole);
  const show = () => {
    const turns = store.conversation.all.filter((turn) => turn.latency?.total_s);
    empty.hidden = turns.length > 0;
    whole.hidden = turns.length === 0;
    if (turns.length === 0) return;
    const totals = turns.map((turn) => turn.latency.total_s).sort((a, b) => a - b);
    fill(numbers, number("Last", turns.at(-1).latency.total_s), number("Median", quantile(totals, 0.5)), number("Slowest", totals.at(-1)));
    fill(chart, bars(turns.slice(-MOST)));
    fill(table, rows(turns.slice(-MOST).reverse()));
  };
  store.on("turns", show);
  show();
}

function number(label, value) {
  return h("div", { class: "number" }, h("span", { class: "number-value" }, seconds(value)), h("span", { class: "number-name" }, label));
}

/** The value below which the share `q` of the sorted values lies. */
export function quantile(sorted, q) {
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + (sorted[Math.min(low + 1, sorted.length - 1)] - sorted[low]) * (at - low);
}

/** `[step, top]` of an axis that ends above `most`. */
export function scale(most) {
  const step = STEPS.find((one) => most / one <= 4) ?? 100;
  return [step, Math.max(step, Math.ceil(most / step) * step)];
}

function bars(turns) {
  const [step, top] = scale(Math.max(...turns.map((turn) => turn.latency.total_s)));
  const inner = HEIGHT - TOP - BOTTOM;
  const y = (value) => TOP + inner - (value / top) * inner;
  const slot = (WIDTH - LEFT) / Math.max(turns.length, 8);
  const width = Math.min(26, slot * 0.68);
  const lines = [];
  for (let value = 0; value <= top + step / 2; value += step) {
    lines.push(s("line", { class: "grid", x1: LEFT, x2: WIDTH, y1: y(value), y2: y(value) }));
    lines.push(s("text", { class: "axis", x: LEFT - 6, y: y(value) + 3, "text-anchor": "end" }, `${Number(value.toFixed(1))} s`));
  }
  const every = Math.ceil(turns.length / 10);
  const columns = turns.map((turn, i) => {
    const x = LEFT + slot * i + (slot - width) / 2;
    let at = 0;
    const parts = partsOf(turn.latency).map(([name, , took]) => {
      const part = s("rect", { class: `stage ${name}`, x, y: y(at + took), width, height: Math.max(0, y(at) - y(at + took)) });
      at += took;
      return part;
    });
    const label = i % every === 0 && s("text", { class: "axis", x: x + width / 2, y: HEIGHT - 4, "text-anchor": "middle" }, String(turn.n));
    return s("g", null, s("title", null, `Turn ${turn.n}: ${spoken(turn.latency)}`), parts, label);
  });
  return s("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `Latency of the last ${turns.length} turns, by stage. The table below has every value.` }, lines, columns);
}

function rows(turns) {
  const head = h("tr", null, h("th", { scope: "col" }, "Turn"), h("th", { scope: "col" }, "Total"), STAGES.map(([, label]) => h("th", { scope: "col" }, label)));
  const body = turns.map(({ n, latency }) => h("tr", null,
    h("th", { scope: "row" }, String(n)), h("td", null, seconds(latency.total_s)), STAGES.map(([name]) => h("td", null, seconds(latency[`${name}_s`])))));
  return h("table", null, h("thead", null, head), h("tbody", null, body));
}
