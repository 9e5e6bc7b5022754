// A conversation as turns. Finished turns come whole (TurnFinished, GET …/turns); what is going on now is put together
// from single events and gives way to the turn when that is finished.

const nothing = () => ({ n: null, heard: null, said: null, played: undefined, calls: [], outcome: null, interrupted: false, listening: false });

const MOST = 500;

/** The turns of one run; of a very long one the last. */
export class Conversation {
  finished = new Map();
  now = nothing();

  /** Take what the daemon has; a turn without an outcome is still going on. */
  load(turns) {
    this.finished = new Map();
    this.now = nothing();
    for (const turn of turns) {
      if (turn.outcome === null) this.now = { ...nothing(), ...turn };
      else this.finished.set(turn.n, turn);
    }
  }

  /** A turn as the daemon has it now: a barge-in may have cut what was finished. */
  replace(turn) {
    if (turn.outcome !== null) this.finished.set(turn.n, turn);
  }

  /** The finished turns and, when something is going on, that. */
  get all() {
    const turns = [...this.finished.values()].sort((a, b) => a.n - b.n);
    const { heard, said, calls, listening } = this.now;
    return heard || said || calls.length || listening ? [...turns, this.now] : turns;
  }

  get last() {
    return [...this.finished.values()].reduce((best, turn) => (best === null || turn.n > best.n ? turn : best), null);
  }

  /** Apply one event; true when it changed something. */
  apply({ type, data, time }) {
    const now = this.now;
    switch (type) {
      case "UserStartedSpeaking":
        now.listening = true;
        return true;
      case "ConversationText":
        now.started_at ??= time;
        now.listening = now.listening && data.role !== "user";
        if (data.role === "user") now.heard = joined(now.heard, data.content ?? null);
        else now.said = joined(now.said, data.content ?? null);
        return true;
      case "FunctionCallStarted":
        now.started_at ??= time;
        if (!this.call(data.call_id)) now.calls.push({ ...data, outcome: null, duration_s: null, started: time });
        return true;
      case "ConfirmationRequested":
      case "ConfirmationSettled":
      case "FunctionCallFinished":
      case "FunctionCallCancelled": {
        const changes = { waiting: type === "ConfirmationRequested" };
        if (type === "FunctionCallCancelled") changes.unawaited = true; // what came of it is told when it is over
        const { outcome, ...settled } = data;
        for (const one of data.functions ?? [type === "ConfirmationSettled" ? settled : data]) {
          const known = this.call(one.call_id ?? one.id);
          if (known) Object.assign(known, one, changes);
          else if (one.call_id) now.calls.push({ outcome: null, duration_s: null, ...one, ...changes });
        }
        return true;
      }
      case "TurnFinished":
        this.finished.set(data.n, data);
        this.finished.delete(data.n - MOST);
        this.settle(data);
        return true;
      case "SessionEnded":
        this.now = nothing();
        return true;
      default:
        return false;
    }
  }

  call(id) {
    const everywhere = [this.now, ...this.finished.values()];
    return everywhere.flatMap((turn) => turn.calls).find((call) => call.call_id === id);
  }

  /** Take out of what is going on that which belongs to the finished turn. */
  settle(turn) {
    const { now } = this;
    const listening = now.listening;
    const ids = new Set(turn.calls.map((call) => call.call_id));
    now.heard = left(now.heard, turn.heard);
    now.said = left(now.said, turn.said);
    now.calls = now.calls.filter((call) => !ids.has(call.call_id));
    if (!now.heard && !now.said && !now.calls.length) this.now = { ...nothing(), listening };
  }
}

function joined(before, text) {
  if (text === null || before?.endsWith(text)) return before;
  return before ? `${before} ${text}` : text;
}

function left(now, finished) {
  if (!now || !finished) return now;
  if (finished.includes(now)) return null;
  return now.startsWith(finished) ? now.slice(finished.length).trim() || null : now;
}
