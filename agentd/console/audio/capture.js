// In the audio thread: the microphone as 16-bit samples in frames of 20 ms, each with its level. While the gate is
// closed nothing leaves but two seconds of silence, in which the agent can notice that the sentence is over.

const FRAME_S = 0.02;
const SILENCE_S = 2;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.size = Math.round(sampleRate * FRAME_S);
    this.open = false;
    this.silence = 0;
    this.begin();
    this.port.onmessage = ({ data }) => {
      if (this.open && !data.open) this.silence = Math.round(SILENCE_S / FRAME_S);
      this.open = data.open;
    };
  }

  begin() {
    this.frame = new Int16Array(this.size);
    this.filled = 0;
    this.energy = 0;
  }

  process([input]) {
    const samples = input[0];
    if (!samples) return true;
    for (const sample of samples) {
      const bounded = Math.max(-1, Math.min(1, sample));
      this.energy += bounded * bounded;
      this.frame[this.filled] = this.open ? Math.round(bounded * 32767) : 0;
      this.filled += 1;
      if (this.filled === this.size) this.send();
    }
    return true;
  }

  send() {
    const level = Math.sqrt(this.energy / this.size);
    const due = this.open || this.silence > 0;
    if (!this.open && this.silence > 0) this.silence -= 1;
    const { buffer } = this.frame;
    this.begin();
    if (due) this.port.postMessage({ level, samples: buffer }, [buffer]);
    else this.port.postMessage({ level, samples: null });
  }
}

registerProcessor("capture", Capture);
