// How numbers, times and states are said.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** `0.82 s`, `13 ms`; a dash where nothing is known. */
export function seconds(value) {
  if (value === null || value === undefined) return "–";
  if (value < 0.1) return `${Math.round(value * 1000)} ms`;
  return value < 10 ? `${value.toFixed(2)} s` : `${value.toFixed(1)} s`;
}

/** `4:07`, `1:02:33`. */
export function duration(value) {
  const whole = Math.max(0, Math.floor(value));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** The local time of an RFC 3339 text. */
export const timeOf = (text) => clock.format(new Date(text));

/** Time today, else the day too. */
export function when(text) {
  const date = new Date(text);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock.format(date) : `${day.format(date)}, ${clock.format(date)}`;
}

/** `stopped`, `idle timeout`: a code as words. */
export const plain = (code) => String(code ?? "").replaceAll("_", " ").replaceAll("-", " ");

/** A value as a person reads it: strings bare, the rest as JSON. */
export function value(of) {
  return typeof of === "string" ? of : JSON.stringify(of);
}

/** `room: living room, on: true`. */
export function argumentsOf(of) {
  if (of === undefined) return "";
  if (of === null || typeof of !== "object" || Array.isArray(of)) return value(of);
  return Object.entries(of).map(([name, one]) => `${name}: ${value(one)}`).join(", ");
}

/** Split what an agent said into what was played and what a barge-in cut. */
export function cutOf(turn) {
  const said = turn.said ?? "";
  if (!turn.interrupted || turn.played === undefined) return [said, ""];
  const words = said.split(/\s+/);
  const played = (turn.played ?? "").split(/\s+/).filter(Boolean).length;
  return [words.slice(0, played).join(" "), words.slice(played).join(" ")];
}
