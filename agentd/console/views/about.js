// The facts of a session, what it used, and what the daemon and the upstream had to remark.

import { request, sessionPath } from "../api.js";
import { fill, h, setText } from "../dom.js";
import { duration, plain, timeOf, when } from "../words.js";
import { busy } from "./busy.js";

const SURE_MS = 5000;
const ERASE = "Erase it";

/** Shows them in `place`. */
export function aboutTab(store, place) {
  const facts = h("div");
  const take = h("button", { id: "export", type: "button", class: "tool" }, "Download all of it");
  const erase = h("button", { id: "erase", type: "button", class: "tool" }, ERASE);
  const tools = h("div", { class: "row about-tools" }, take, erase);
  fill(place, facts, tools);
  take.addEventListener("click", () => busy(take, store, () => download(store.open)));
  confirmed(erase, () => busy(erase, store, () => purge(store)));
  const show = () => {
    fill(facts, ...(store.session === null ? [] : shown(store)));
    tools.hidden = store.session === null;
    erase.hidden = store.isLive(store.session);
  };
  store.on("session", show);
  store.on("notes", show);
  store.on("open", show);
  show();
}

function shown({ session, notes }) {
  const { usage = {}, audio = {}, metadata = {} } = session;
  const facts = [
    ["Session", session.id],
    ["Run", session.run_id],
    ["Agent", session.agent],
    ["Now", session.active_agent !== session.agent && session.active_agent],
    ["Upstream", session.upstream],
    ["Upstream’s id", session.request_id],
    ["Started", when(session.started_at)],
    ["Ended", session.ended_at && `${when(session.ended_at)}, ${plain(session.end_reason)}`],
    ["Connected", usage.connection_s !== undefined && duration(usage.connection_s)],
    ["Heard, said", usage.audio_in_s !== undefined && `${duration(usage.audio_in_s)}, ${duration(usage.audio_out_s)}`],
    ["Turns, calls", usage.turns !== undefined && `${usage.turns}, ${usage.function_calls}`],
    ["Renewals", usage.renewals || null],
    ["Input", audio.input && `${audio.input.encoding}, ${audio.input.sample_rate} Hz`],
    ["Output", audio.output && `${audio.output.encoding}, ${audio.output.sample_rate} Hz`],
    ["Functions", session.functions?.join(", ")],
    ...Object.entries(metadata),
  ];
  const known = facts.filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, String(value))]);
  return [h("dl", { class: "facts" }, known), notes.length > 0 && h("h3", null, "Noted"), h("ul", { class: "notes" }, notes.map(note))].filter(Boolean);
}

function note({ type, time, data }) {
  const about = data.description ?? data.message ?? Object.entries(data).map(([name, value]) => `${plain(name)} ${value}`).join(", ");
  return h("li", { class: type === "Error" ? "problem-text" : null }, h("span", { class: "total" }, timeOf(time)), h("b", null, ` ${data.code ?? type} `), about);
}

/** The flight recorder: events, transcript, calls, latencies, audio and settings as one file. */
async function download(runId) {
  const response = await request("GET", sessionPath(runId, "export"));
  const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "")?.[1] ?? `${runId}.zip`;
  const url = URL.createObjectURL(await response.blob());
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), SURE_MS);
}

async function purge(store) {
  const runId = store.open;
  await request("DELETE", `${sessionPath(runId)}?purge=true`);
  store.forget(runId);
}

/** What cannot be undone is asked for twice. */
function confirmed(control, action) {
  let timer = null;
  control.addEventListener("click", () => {
    if (timer === null) {
      setText(control, "Erase words, audio and events?");
      timer = setTimeout(reset, SURE_MS);
      return;
    }
    reset();
    action();
  });
  function reset() {
    clearTimeout(timer);
    timer = null;
    setText(control, ERASE);
  }
}
