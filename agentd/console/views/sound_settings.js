// Which microphone and loudspeaker, and what the browser does to the sound.

import { devices } from "../audio/sound.js";
import { fill, h } from "../dom.js";

const PROCESSING = [
  ["echoCancellation", "Echo cancellation", "keeps the agent from hearing itself through your loudspeaker"],
  ["noiseSuppression", "Noise suppression", "takes fans and traffic away"],
  ["autoGainControl", "Automatic level", "keeps your voice at one loudness"],
];

/** Makes the dialog; `open()` shows it. */
export function soundSettings(talk, store) {
  const microphone = h("select", { id: "sound-microphone" });
  const speaker = h("select", { id: "sound-speaker" });
  const speakerField = h("div", { class: "field" }, h("label", { for: "sound-speaker" }, "Loudspeaker"), speaker);
  const choose = (changes) => talk.sound.choose(changes).catch((failure) => store.tell("problem", failure));
  const checks = PROCESSING.map(([name, label, meaning]) => {
    const box = h("input", { type: "checkbox", checked: talk.sound.choice[name], onchange: () => choose({ [name]: box.checked }) });
    return h("label", { class: "check" }, box, h("span", null, label, h("span", { class: "hint" }, ` ${meaning}`)));
  });
  const dialog = h("dialog", { class: "dialog", "aria-labelledby": "sound-title" },
    h("form", { method: "dialog", class: "form" },
      h("h2", { id: "sound-title" }, "Audio"),
      h("div", { class: "field" }, h("label", { for: "sound-microphone" }, "Microphone"), microphone),
      speakerField,
      checks,
      h("div", { class: "row end" }, h("button", { class: "primary", type: "submit" }, "Done")),
    ),
  );
  document.body.append(dialog);
  microphone.addEventListener("change", () => choose({ microphone: microphone.value }));
  speaker.addEventListener("change", () => choose({ speaker: speaker.value }));
  return {
    async open() {
      const { microphones, speakers } = await devices();
      options(microphone, microphones, "The browser’s choice", talk.sound.choice.microphone);
      options(speaker, speakers, "The browser’s choice", talk.sound.choice.speaker);
      speakerField.hidden = speakers.length === 0;
      dialog.showModal();
    },
  };
}

function options(select, found, first, chosen) {
  fill(select, h("option", { value: "" }, first), found.map((device, i) => h("option", { value: device.deviceId }, device.label || `Device ${i + 1}`)));
  select.value = chosen;
}
