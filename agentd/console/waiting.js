// What waits for a person: calls that need a confirmation, and calls that a client of the API is to answer. Of every session.

import { call, sessionPath } from "./api.js";

const KIND = { ConfirmationRequested: "confirm", FunctionCallDelegated: "answer" };
const OVER = new Set(["ConfirmationSettled", "FunctionCallFinished", "FunctionCallCancelled"]);
const REFUSED = new Set(["forbidden", "own-confirmation", "unauthorized"]);
const MOST = 50;

/** Topics of `store` that it tells: `waiting`. */
export class Waiting {
  items = new Map();
  unseen = 0;
  refusal = null;
  #confirmer = null;

  constructor(store) {
    this.store = store;
  }

  /** Take in one event of any session. */
  apply({ type, session_id: session, run_id: run, time, data }) {
    if (type in KIND) {
      const keep = Date.parse(data.expires_at) - Date.parse(time); // by the daemon's clock, not the browser's
      this.#put({ ...data, kind: KIND[type], session, run, agent: this.store.sessions.get(run)?.active_agent, ends: performance.now() + keep });
    } else if (type === "SessionEnded") {
      for (const item of this.items.values()) if (item.run === run) this.#drop(item.run, item.call_id);
    } else if (OVER.has(type)) {
      for (const one of data.functions ?? [data]) this.#drop(run, one.call_id ?? one.id);
    }
  }

  /** So many wait in all: those that came before the page was opened are known by their number alone. */
  count(all) {
    const known = [...this.items.values()].filter((item) => item.kind === "confirm").length;
    this.unseen = Math.max(0, all - known);
    if (this.unseen > 0 && this.#confirmer !== null) this.load().catch(() => {});
    this.store.changed("waiting");
  }

  /** Fetch what waits for a confirmation already, with a token that may; it stays in this object's memory. */
  async load(confirmer = this.#confirmer) {
    let items;
    try {
      ({ items } = await call("GET", "/v1/confirmations", undefined, bearer(confirmer)));
    } catch (problem) {
      if (!REFUSED.has(problem.code)) throw problem;
      this.refusal = problem;
      this.store.changed("waiting");
      return;
    }
    this.#confirmer = confirmer;
    this.unseen = 0;
    this.refusal = null;
    for (const one of items) {
      const known = this.items.get(keyOf(one.run_id, one.call_id));
      const ends = known?.ends ?? performance.now() + (Date.parse(one.expires_at) - Date.now());
      this.#put({ ...one, kind: "confirm", session: one.session_id, run: one.run_id, ends });
    }
    this.store.changed("waiting");
  }

  /** Approve or refuse a call. A refusal to us is kept, to be shown with the way out of it. */
  async decide(item, approve) {
    try {
      await call("POST", sessionPath(item.run, "calls", item.call_id), { approve }, bearer(this.#confirmer));
      this.refusal = null;
    } catch (problem) {
      if (!REFUSED.has(problem.code)) throw problem;
      this.refusal = problem;
    }
    this.store.changed("waiting");
  }

  /** Give a delegated call its result, or say that it failed. */
  async answer(item, body) {
    await call("POST", sessionPath(item.run, "calls", item.call_id), body);
  }

  /** Let go of everything, the token included. */
  forget() {
    this.items.clear();
    this.unseen = 0;
    this.refusal = this.#confirmer = null;
    this.store.changed("waiting");
  }

  /** What has run out is not waiting any more. */
  sweep() {
    for (const item of this.items.values()) if (item.ends < performance.now()) this.#drop(item.run, item.call_id);
  }

  #put(item) {
    this.items.set(keyOf(item.run, item.call_id), item);
    if (this.items.size > MOST) this.items.delete(this.items.keys().next().value);
    this.store.changed("waiting");
  }

  #drop(run, callId) {
    if (this.items.delete(keyOf(run, callId))) this.store.changed("waiting");
  }
}

const keyOf = (run, callId) => `${run}:${callId}`;
const bearer = (confirmer) => (confirmer === null ? {} : { bearer: confirmer });
