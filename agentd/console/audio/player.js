// In the audio thread: plays 16-bit samples as they come, which may be faster than they are heard. A barge-in throws away
// what is not heard yet.

const AHEAD_S = 0.06;
const LONGEST_S = 120;
const REPORT_S = 0.05;

class Player extends AudioWorkletProcessor {
  constructor() {
    super();
    this.clear();
    this.energy = 0;
    this.counted = 0;
    this.port.onmessage = ({ data }) => (data.cut ? this.clear() : this.take(new Int16Array(data.samples)));
  }

  clear() {
    this.chunks = [];
    this.at = 0;
    this.waiting = 0;
    this.patience = sampleRate * AHEAD_S;
    this.playing = false;
  }

  take(samples) {
    if (this.waiting + samples.length > sampleRate * LONGEST_S) return;
    this.chunks.push(samples);
    this.waiting += samples.length;
  }

  process(_, [output]) {
    const [channel] = output;
    this.patience = this.waiting ? this.patience - channel.length : sampleRate * AHEAD_S;
    if (this.waiting >= sampleRate * AHEAD_S || this.patience <= 0) this.playing = true;
    for (let i = 0; i < channel.length; i += 1) {
      const sample = this.playing ? this.next() : 0;
      channel[i] = sample;
      this.energy += sample * sample;
    }
    this.counted += channel.length;
    if (this.counted >= sampleRate * REPORT_S) {
      this.port.postMessage({ level: Math.sqrt(this.energy / this.counted), ahead: this.waiting / sampleRate });
      this.energy = 0;
      this.counted = 0;
    }
    return true;
  }

  next() {
    const [chunk] = this.chunks;
    if (chunk === undefined) {
      this.playing = false;
      return 0;
    }
    const sample = chunk[this.at] / 32768;
    this.at += 1;
    this.waiting -= 1;
    if (this.at === chunk.length) {
      this.chunks.shift();
      this.at = 0;
    }
    return sample;
  }
}

registerProcessor("player", Player);
