// What the console knows: sessions, agents, the run that is open. Views listen for the topic they show.

import { call, Problem, sessionPath } from "./api.js";
import { EventStream } from "./events.js";
import { Conversation } from "./turns.js";
import { Waiting } from "./waiting.js";

const PAGE = 50;
const TURNS = 200;
const NOTES = 50;
const MOST = 500;
const NOTED = new Set(["Error", "Warning", "AudioDropped", "DeadAir", "RecordingStopped", "InjectionRefused"]);

/** Topics: `sessions`, `agents`, `open` (another run), `session` (its view), `turns`, `notes`, `waiting`, `link`, `problem`. */
export class Store extends EventTarget {
  sessions = new Map();
  agents = [];
  voices = [];
  older = null;
  open = null;
  conversation = new Conversation();
  waiting = new Waiting(this);
  notes = [];
  loading = false;
  link = "connecting";
  #pending = new Set();
  #looking = new Map();
  #stream = null;
  #generation = 0;

  on(topic, listener) {
    this.addEventListener(topic, (event) => listener(event.detail));
  }

  /** Tell the views, once however many changes there were. */
  changed(...topics) {
    for (const topic of topics) {
      if (this.#pending.has(topic)) continue;
      this.#pending.add(topic);
      queueMicrotask(() => {
        this.#pending.delete(topic);
        this.dispatchEvent(new CustomEvent(topic));
      });
    }
  }

  tell(topic, detail) {
    this.dispatchEvent(new CustomEvent(topic, { detail }));
  }

  /** Load what there is and follow the events. Throws when the token is refused. */
  async begin() {
    await this.refresh();
    this.#stream = new EventStream("/v1/events", {
      onEvent: (event) => this.apply(event),
      onLink: (link, problem) => this.#linked(link, problem),
    });
    this.#stream.run();
  }

  end() {
    this.#stream?.stop();
    this.waiting.forget();
    this.close();
  }

  async refresh() {
    const list = await call("GET", `/v1/sessions?limit=${PAGE}`); // alone: a wrong token is tried once
    const agents = await call("GET", "/v1/agents");
    this.sessions = new Map(list.items.map((session) => [session.run_id, session]));
    this.older = list.next;
    this.agents = agents.items;
    this.changed("sessions", "agents");
    call("GET", "/v1/models").then((models) => {
      this.voices = (models.tts ?? []).map((voice) => voice.canonical_name);
      this.changed("agents");
    }, () => {});
  }

  async more() {
    const list = await call("GET", `/v1/sessions?limit=${PAGE}&cursor=${encodeURIComponent(this.older)}`);
    for (const session of list.items) if (!this.sessions.has(session.run_id)) this.sessions.set(session.run_id, session);
    this.older = list.next;
    this.changed("sessions");
  }

  get session() {
    return this.sessions.get(this.open) ?? null;
  }

  isLive(session) {
    return session !== null && session.state !== "ended";
  }

  /** Open a run; its turns come from the daemon, what happens meanwhile from the events. */
  async show(runId) {
    const generation = ++this.#generation;
    if (this.open !== runId) {
      this.open = runId;
      this.notes = [];
      this.conversation = new Conversation();
    }
    this.loading = true;
    this.changed("open", "session", "turns");
    try {
      const [session, turns] = await Promise.all([call("GET", sessionPath(runId)), this.#turns(runId)]);
      if (generation !== this.#generation) return;
      this.keep(session);
      this.conversation.load(turns);
    } catch (problem) {
      this.tell("problem", problem);
      if (problem.status === 404 && generation === this.#generation) this.close();
    } finally {
      if (generation === this.#generation) {
        this.loading = false;
        this.changed("session", "turns");
      }
    }
  }

  close() {
    this.#generation += 1;
    this.open = null;
    this.conversation = new Conversation();
    this.changed("open", "session", "turns");
  }

  /** A run was erased: there is nothing left to ask the daemon for. */
  forget(runId) {
    this.sessions.delete(runId);
    if (this.open === runId) this.close();
    this.changed("sessions");
  }

  /** Start a session; resolves to its run, which can be opened then. */
  async start(body) {
    const session = await call("POST", "/v1/sessions", body);
    this.keep(session);
    return session.run_id;
  }

  keep(session) {
    this.sessions.set(session.run_id, session);
    if (this.sessions.size > MOST) this.#forgetOldest();
    this.changed("sessions");
    if (session.run_id === this.open) this.changed("session");
  }

  /** Fetch the session again: usage, what was heard last. One request at a time; what came up meanwhile is one more. */
  async look(runId) {
    const busy = this.#looking.has(runId);
    this.#looking.set(runId, busy);
    if (busy) return;
    try {
      this.keep(await call("GET", sessionPath(runId)));
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status !== 404) this.tell("problem", problem);
    }
    const again = this.#looking.get(runId);
    this.#looking.delete(runId);
    if (again) this.look(runId);
  }

  apply(event) {
    const { type, run_id: runId, data } = event;
    if (type === "Snapshot") return this.#snapshot(data);
    if (type === "Gap") return this.#again();
    const session = this.sessions.get(runId);
    if (!session) this.look(runId);
    else if (type === "SessionStateChanged") this.keep({ ...session, ...data });
    else if (type === "TurnFinished" || type === "SessionEnded" || type === "AgentChanged") this.look(runId);
    this.waiting.apply(event);
    if (runId !== this.open) return undefined;
    if (type === "UserStartedSpeaking") this.checkLast();
    if (this.conversation.apply(event)) this.changed("turns");
    if (NOTED.has(type)) {
      this.notes = [event, ...this.notes].slice(0, NOTES);
      this.changed("notes");
    }
    return undefined;
  }

  /** A barge-in may have cut a turn that was already finished: only the daemon knows what was played of it. */
  async checkLast() {
    const { last } = this.conversation;
    const runId = this.open;
    if (last === null || last.cause === undefined) return;
    try {
      const turn = await call("GET", sessionPath(runId, "turns", last.n));
      if (runId !== this.open) return;
      this.conversation.replace(turn);
      this.changed("turns");
    } catch (problem) {
      this.tell("problem", problem);
    }
  }

  /** A page may be open for weeks: of the runs that are over the oldest give way. */
  #forgetOldest() {
    const over = [...this.sessions.values()].filter((session) => !this.isLive(session) && session.run_id !== this.open);
    const oldest = over.reduce((one, other) => (one === null || other.run_id < one.run_id ? other : one), null);
    if (oldest !== null) this.sessions.delete(oldest.run_id);
  }

  async #turns(runId) {
    const turns = [];
    let cursor = "";
    do {
      const page = await call("GET", `${sessionPath(runId, "turns")}?limit=${TURNS}${cursor}`);
      turns.push(...page.items);
      cursor = page.next ? `&cursor=${encodeURIComponent(page.next)}` : "";
    } while (cursor);
    return turns;
  }

  #snapshot({ sessions }) {
    const live = new Set(sessions.map((session) => session.run_id));
    for (const session of sessions) this.sessions.set(session.run_id, session);
    for (const session of this.sessions.values()) if (this.isLive(session) && !live.has(session.run_id)) this.look(session.run_id);
    this.changed("sessions", "session");
  }

  /** Events are missing: read everything anew. */
  async #again() {
    try {
      await this.refresh();
      if (this.open !== null) await this.show(this.open);
    } catch (problem) {
      this.tell("problem", problem);
    }
  }

  #linked(link, problem) {
    const before = this.link;
    this.link = link;
    this.changed("link");
    if (link === "refused") this.tell("problem", problem);
    if (link === "live" && before === "lost") this.#again();
  }
}
