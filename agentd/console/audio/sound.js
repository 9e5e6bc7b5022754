// The browser's side of sound: microphone and loudspeaker, as frames of 16-bit samples at one rate.

const SAMPLE_RATE = 24000;
const CONSTRAINTS = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/** Both ends of one audio context. `onSamples(buffer)` gets what the microphone hears, `onLevel("in" | "out", 0…1)` meters it. */
export class Sound {
  constructor({ onSamples, onLevel }) {
    this.onSamples = onSamples;
    this.onLevel = onLevel;
    this.choice = { microphone: "", speaker: "", ...CONSTRAINTS };
    this.context = null;
    this.player = null;
    this.capture = null;
    this.stream = null;
    this.gate = false;
  }

  get sampleRate() {
    return this.context.sampleRate;
  }

  /** Open the loudspeaker. Must come from a click or a key: browsers let no page begin to sound by itself. */
  async open() {
    if (this.context !== null) return;
    const context = new AudioContext({ latencyHint: "interactive", ...(resamples() ? { sampleRate: SAMPLE_RATE } : {}) });
    this.context = context;
    await Promise.all(["capture", "player"].map((name) => context.audioWorklet.addModule(new URL(`${name}.js`, import.meta.url))));
    this.player = new AudioWorkletNode(context, "player", { numberOfInputs: 0, outputChannelCount: [1] });
    this.player.port.onmessage = ({ data }) => this.onLevel("out", data.level, data.ahead);
    this.player.connect(context.destination);
    await context.resume();
    if (this.choice.speaker) await this.useSpeaker(this.choice.speaker);
  }

  /** Open the microphone. Throws what `getUserMedia` throws. */
  async openMicrophone() {
    if (this.stream !== null) return;
    if (!navigator.mediaDevices) throw new DOMException("not a secure page", "SecurityError");
    const { microphone, echoCancellation, noiseSuppression, autoGainControl } = this.choice;
    const deviceId = microphone ? { exact: microphone } : undefined;
    const audio = { deviceId, echoCancellation, noiseSuppression, autoGainControl, channelCount: 1 };
    this.stream = await navigator.mediaDevices.getUserMedia({ audio });
    const source = this.context.createMediaStreamSource(this.stream);
    this.capture = new AudioWorkletNode(this.context, "capture", { numberOfOutputs: 0 });
    this.capture.port.onmessage = ({ data }) => {
      this.onLevel("in", data.level);
      if (data.samples !== null) this.onSamples(data.samples);
    };
    source.connect(this.capture);
    this.setGate(this.gate);
  }

  closeMicrophone() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.capture?.disconnect();
    this.stream = null;
    this.capture = null;
    this.onLevel("in", 0);
  }

  /** Let what the microphone hears through, or not. */
  setGate(open) {
    this.gate = open;
    this.capture?.port.postMessage({ open });
  }

  play(samples) {
    this.player?.port.postMessage({ samples }, [samples]);
  }

  /** Fall silent at once. */
  cut() {
    this.player?.port.postMessage({ cut: true });
  }

  async close() {
    this.closeMicrophone();
    const { context } = this;
    this.context = null;
    this.player = null;
    this.onLevel("out", 0, 0);
    await context?.close();
  }

  /** Use another microphone, or other processing, from now on. */
  async choose(changes) {
    Object.assign(this.choice, changes);
    if ("speaker" in changes && this.context !== null) await this.useSpeaker(changes.speaker);
    if (Object.keys(changes).some((name) => name !== "speaker") && this.stream !== null) {
      this.closeMicrophone();
      await this.openMicrophone();
    }
  }

  async useSpeaker(id) {
    if (this.context.setSinkId) await this.context.setSinkId(id);
  }
}

/** The devices by kind; their names are only told once the microphone was allowed. */
export async function devices() {
  const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  const of = (kind) => all.filter((device) => device.kind === kind && device.deviceId !== "");
  return { microphones: of("audioinput"), speakers: "setSinkId" in AudioContext.prototype ? of("audiooutput") : [] };
}

/** True where a microphone may have another rate than the context. Firefox cannot: there the daemon resamples. */
function resamples() {
  return !navigator.userAgent.includes("Firefox");
}
