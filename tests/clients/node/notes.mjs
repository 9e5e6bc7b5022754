// What every JavaScript client here notes, as JSON lines on standard output, and how it waits: the counterpart of ../plan.py.

const WAIT_MS = 20_000;

export class Notes {
  #kinds = [];
  #messages = new Map();
  #at = 0;
  #more = () => {};

  /** Note a message, or a piece of the agent's audio by its length. */
  take(message) {
    const note = typeof message === "number" ? { type: "audio", bytes: message } : message;
    this.#kinds.push(note.role ? `${note.type}:${note.role}` : note.type);
    this.#messages.set(note.type, note);
    console.log(JSON.stringify(note));
    this.#more();
  }

  /** The last message of a type. */
  last(type) {
    return this.#messages.get(type);
  }

  /** Wait until these kinds came in this order, counted from where the last wait ended. */
  async expect(...kinds) {
    const deadline = Date.now() + WAIT_MS;
    for (const kind of kinds) {
      let at;
      while ((at = this.#kinds.indexOf(kind, this.#at)) < 0) {
        const left = deadline - Date.now();
        if (left <= 0) throw new Error(`no ${kind}; since ${this.#at}: ${this.#kinds.slice(this.#at)}`);
        await new Promise((resolve) => {
          const timer = setTimeout(resolve, left);
          this.#more = () => (clearTimeout(timer), resolve());
        });
      }
      this.#at = at + 1;
    }
  }
}

/** The client's function: what it answers to a call. */
export function switchLamp(name, text) {
  const asked = JSON.parse(text);
  if (name !== "set_lamp") throw new Error(name);
  return `The lamp in the ${asked.room} is ${asked.on ? "on" : "off"} now.`;
}

/** The Settings of the conversation about lamps. */
export function settings(plan, { input = plan.rate, extra = {} } = {}) {
  return {
    type: "Settings",
    audio: {
      input: { encoding: "linear16", sample_rate: input },
      output: { encoding: "linear16", sample_rate: plan.output_rate, container: "none" },
    },
    agent: {
      listen: { provider: { type: "deepgram", version: "v1", model: "nova-3" } },
      think: { provider: { type: "open_ai", model: "gpt-4o-mini" }, prompt: plan.prompt, functions: [plan.function] },
      speak: { provider: { type: "deepgram", model: "aura-2-thalia-en" } },
      greeting: plan.greeting,
    },
    ...extra,
  };
}

export const SPOKEN = ["ConversationText:assistant", "AgentAudioDone"];
