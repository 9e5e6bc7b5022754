// The facts of a session, what it used, and what the daemon and the upstream had to remark.

import { fill, h } from "../dom.js";
import { duration, plain, timeOf, when } from "../words.js";

/** Shows them in `place`. */
export function aboutTab(store, place) {
  const show = () => {
    const { session } = store;
    if (session === null) {
      fill(place);
      return;
    }
    const { usage = {}, audio = {}, metadata = {} } = session;
    const facts = [
      ["Session", session.id],
      ["Run", session.run_id],
      ["Agent", session.agent],
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
    fill(place, h("dl", { class: "facts" }, known), store.notes.length > 0 && h("h3", null, "Noted"), h("ul", { class: "notes" }, store.notes.map(note)));
  };
  store.on("session", show);
  store.on("notes", show);
  store.on("open", show);
  show();
}

function note({ type, time, data }) {
  const about = data.description ?? data.message ?? Object.entries(data).map(([name, value]) => `${plain(name)} ${value}`).join(", ");
  return h("li", { class: type === "Error" ? "problem-text" : null }, h("span", { class: "total" }, timeOf(time)), h("b", null, ` ${data.code ?? type} `), about);
}
