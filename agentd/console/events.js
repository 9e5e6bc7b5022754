// Server-sent events over fetch, which can carry the token; resumes where it was cut off, for as long as the page is open.

import { Problem, request } from "./api.js";

const FIRST_WAIT_MS = 400;
const LONGEST_WAIT_MS = 5000;
const SILENCE_MS = 40000;

/** Reads one stream of events. `onEvent(event)` gets each, `onLink("live" | "lost", problem)` how the connection stands. */
export class EventStream {
  constructor(path, { onEvent, onLink }) {
    this.path = path;
    this.onEvent = onEvent;
    this.onLink = onLink;
    this.position = null;
    this.stopped = new AbortController();
  }

  stop() {
    this.stopped.abort();
  }

  async run() {
    let wait = FIRST_WAIT_MS;
    while (!this.stopped.signal.aborted) {
      try {
        await this.read(() => {
          wait = FIRST_WAIT_MS;
          this.onLink("live");
        });
        this.lost(null);
      } catch (failure) {
        if (this.stopped.signal.aborted) return;
        if (failure instanceof Problem && [401, 403].includes(failure.status)) {
          this.onLink("refused", failure);
          return;
        }
        this.lost(failure instanceof Problem ? failure : null);
        if (failure instanceof Problem && failure.retryAfter) wait = Math.max(wait, failure.retryAfter * 1000);
      }
      await pause(wait * (0.75 + Math.random() / 2), this.stopped.signal);
      wait = Math.min(wait * 2, LONGEST_WAIT_MS);
    }
  }

  lost(problem) {
    if (!this.stopped.signal.aborted) this.onLink("lost", problem);
  }

  async read(opened) {
    const attempt = new AbortController();
    const giveUp = () => attempt.abort();
    this.stopped.signal.addEventListener("abort", giveUp, { once: true });
    let watchdog = setTimeout(giveUp, SILENCE_MS);
    try {
      const headers = { Accept: "text/event-stream" };
      if (this.position !== null) headers["Last-Event-ID"] = this.position;
      const response = await request("GET", this.path, { headers, signal: attempt.signal });
      opened();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new Parser();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(watchdog);
        watchdog = setTimeout(giveUp, SILENCE_MS);
        for (const { id, data } of parser.feed(value)) {
          if (id !== null) this.position = id;
          this.onEvent(JSON.parse(data));
        }
      }
    } finally {
      clearTimeout(watchdog);
      this.stopped.signal.removeEventListener("abort", giveUp);
      attempt.abort();
    }
  }
}

/** Cuts a stream of text into events (WHATWG HTML, 9.2.6). Pieces may end anywhere. */
export class Parser {
  rest = "";
  id = null;
  data = [];

  feed(piece) {
    const events = [];
    const lines = (this.rest + piece).split("\n");
    this.rest = lines.pop();
    for (const line of lines) {
      const [field, text] = split(line.replace(/\r$/, ""));
      if (field === "data") this.data.push(text);
      else if (field === "id") this.id = text;
      else if (field === "" && text === "" && this.data.length) {
        events.push({ id: this.id, data: this.data.join("\n") });
        this.data = [];
        this.id = null;
      }
    }
    return events;
  }
}

function split(line) {
  const colon = line.indexOf(":");
  if (colon < 0) return [line, ""];
  if (colon === 0) return [null, line];
  return [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, "")];
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      window.removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", done);
    window.addEventListener("online", done);
  });
}
