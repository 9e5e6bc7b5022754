// Being heard in a session, or listening in on it: one WebSocket with audio both ways.

import { connect, Problem, sessionPath } from "../api.js";
import { Sound } from "./sound.js";

const TRIES = 6;
const WAIT_MS = 700;
const MOST_WAITING_BYTES = 96000;

/**
 * `attached`: "off", "joining", "listening" or "talking". `mode`: "hold" (push to talk) or "open".
 * Topics: `changed`, and `level` with `{ end: "in" | "out", level, ahead }`.
 */
export class Talk extends EventTarget {
  attached = "off";
  mode = "hold";
  hot = false;
  muted = false;
  runId = null;
  #store;
  #socket = null;
  #wanted = "off";

  constructor(store) {
    super();
    this.#store = store;
    this.sound = new Sound({
      onSamples: (samples) => this.#send(samples),
      onLevel: (end, level, ahead) => this.dispatchEvent(new CustomEvent("level", { detail: { end, level, ahead } })),
    });
    store.on("open", () => this.runId !== null && store.open !== this.runId && this.leave());
    store.on("session", () => this.runId !== null && store.open === this.runId && !store.isLive(store.session) && this.leave());
  }

  on(topic, listener) {
    this.addEventListener(topic, (event) => listener(event.detail));
  }

  /** Hear the open session's agent. */
  listen() {
    return this.#attach("listening");
  }

  /** Hear it and be heard. */
  talk() {
    return this.#attach("talking");
  }

  /** Hang up. */
  async leave() {
    this.#wanted = "off";
    this.runId = null;
    this.hot = false;
    this.#set("off");
    this.#socket?.close(1000);
    this.#socket = null;
    await this.sound.close();
  }

  /** The agent is interrupted: what it said and is not heard yet is not wanted any more. */
  hush() {
    this.sound.cut();
  }

  setMode(mode) {
    this.mode = mode;
    this.muted = false;
    this.#gate(mode === "open");
  }

  /** Push to talk: pressed. */
  press() {
    if (this.attached === "talking" && this.mode === "hold") this.#gate(true);
  }

  /** Push to talk: let go. */
  release() {
    if (this.mode === "hold") this.#gate(false);
  }

  /** Open microphone: silence it, or let it be heard again. */
  mute(muted) {
    this.muted = muted;
    if (this.mode === "open") this.#gate(!muted);
  }

  async #attach(wanted) {
    const runId = this.#store.open;
    if (runId === null) return;
    this.#wanted = wanted;
    this.runId = runId;
    this.#set("joining");
    try {
      await this.sound.open();
      if (wanted === "talking") await this.sound.openMicrophone();
      else this.sound.closeMicrophone();
      await this.#connect();
      this.#gate(wanted === "talking" && this.mode === "open" && !this.muted);
    } catch (failure) {
      this.#store.tell("problem", failure instanceof Problem ? failure : soundProblem(failure));
      await this.leave();
    }
  }

  async #connect() {
    const audio = this.#wanted === "talking" ? "both" : "out";
    const query = new URLSearchParams({ audio, encoding: "linear16", sample_rate: this.sound.sampleRate, events: "none" });
    const socket = await connect(`${sessionPath(this.runId, "stream")}?${query}`);
    socket.binaryType = "arraybuffer";
    this.#socket?.close(1000);
    this.#socket = socket;
    await opened(socket);
    socket.addEventListener("message", ({ data }) => this.#receive(data));
    socket.addEventListener("close", () => socket === this.#socket && this.#lost());
    this.#set(this.#wanted);
  }

  #receive(data) {
    if (data instanceof ArrayBuffer) {
      this.sound.play(data);
      return;
    }
    const message = JSON.parse(data);
    if (message.type === "AudioCut") this.sound.cut();
    else if (message.type === "Error") this.#store.tell("problem", new Problem({ code: message.data.code, title: "The audio connection has a problem", detail: message.data.description }));
  }

  #send(samples) {
    const socket = this.#socket;
    if (socket?.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_WAITING_BYTES) socket.send(samples);
  }

  /** The connection broke: try again while the session lives. */
  async #lost() {
    this.#socket = null;
    this.sound.cut();
    const { runId } = this;
    for (let n = 1; n <= TRIES && this.runId === runId && runId !== null; n += 1) {
      this.#set("joining");
      await new Promise((resolve) => setTimeout(resolve, WAIT_MS * n));
      if (this.runId !== runId) return;
      try {
        await this.#connect();
        return;
      } catch (failure) {
        if (failure instanceof Problem && failure.status >= 400 && failure.status < 500) break;
      }
    }
    if (this.runId === runId && runId !== null) await this.leave();
  }

  #gate(open) {
    this.hot = open && this.attached === "talking";
    this.sound.setGate(this.hot);
    this.dispatchEvent(new CustomEvent("changed"));
  }

  #set(attached) {
    this.attached = attached;
    this.dispatchEvent(new CustomEvent("changed"));
  }
}

function opened(socket) {
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", resolve, { once: true });
    socket.addEventListener("close", () => reject(noStream()), { once: true });
  });
}

const noStream = () =>
  new Problem({ code: "no-stream", title: "The audio connection was refused", detail: "The session may have ended, or another problem stands in the daemon's log." });

const ADVICE = {
  NotAllowedError: ["The browser may not use the microphone", "Allow it for this page in the address bar, then try again; typing works meanwhile."],
  NotFoundError: ["There is no microphone", "Connect one, or choose another in the audio settings; typing works meanwhile."],
  NotReadableError: ["The microphone cannot be opened", "Another program may be using it."],
  OverconstrainedError: ["That microphone is gone", "Choose another in the audio settings."],
  SecurityError: ["No microphone on this address", "Browsers give it only to pages from https or from localhost: use an SSH tunnel, or set server.tls_cert."],
};

function soundProblem(failure) {
  const [title, detail] = ADVICE[failure.name] ?? ["Sound cannot be used", `${failure.name}: ${failure.message}`];
  return new Problem({ code: "sound", title, detail });
}
