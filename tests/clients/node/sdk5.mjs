// A conversation through @deepgram/sdk on Node, with its own socket.
// node sdk5.mjs ws://host:port KEY recording.wav PLAN [grant]

import { readFileSync } from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";
import { Notes, SPOKEN, settings, switchLamp } from "./notes.mjs";

const [base, key, recording, planText, grant] = process.argv.slice(2);
const plan = JSON.parse(planText);
const http = base.replace("ws", "http");
const environment = { base: http, production: base, agent: base, agentRest: http };
const notes = new Notes();

async function connected() {
  const client = new DeepgramClient({ apiKey: key, environment });
  if (!grant) return client;
  const granted = await client.auth.v1.tokens.grant({ ttl_seconds: 60 });
  notes.take({ type: "(grant)", expires_in: granted.expires_in });
  return new DeepgramClient({ accessToken: granted.access_token, environment });
}

/** A microphone that hears the recording, then silence, in real time, until it is stopped. */
function microphone(connection) {
  const speech = readFileSync(recording).subarray(44);
  const step = (2 * plan.rate) / 25;
  let at = 0;
  const timer = setInterval(() => {
    const piece = speech.subarray(at, at + step);
    at += step;
    connection.sendMedia(Buffer.concat([piece, Buffer.alloc(step - piece.length)]));
  }, 40);
  return () => clearInterval(timer);
}

const client = await connected();
const connection = await client.agent.v1.connect({ reconnectAttempts: 0 });
connection.on("message", (message) => {
  if (message instanceof Blob) return notes.take(message.size);
  notes.take(message);
  if (message.type === "FunctionCallRequest")
    for (const call of message.functions.filter((call) => call.client_side))
      connection.sendFunctionCallResponse({
        type: "FunctionCallResponse", id: call.id, name: call.name, content: switchLamp(call.name, call.arguments),
      });
});
connection.on("error", (error) => notes.take({ type: "(error)", text: String(error?.message ?? error) }));
connection.on("close", (event) => notes.take({ type: "(close)", code: event.code }));
connection.connect();
await connection.waitForOpen();

connection.sendSettings(settings(plan));
await notes.expect(...SPOKEN);
const stop = microphone(connection);
await notes.expect("UserStartedSpeaking", "FunctionCallRequest", ...SPOKEN);
stop();
connection.sendKeepAlive({ type: "KeepAlive" });
connection.sendUpdatePrompt({ type: "UpdatePrompt", prompt: plan.more_prompt });
await notes.expect("PromptUpdated");
connection.sendInjectUserMessage({ type: "InjectUserMessage", content: plan.typed });
await notes.expect("FunctionCallRequest", ...SPOKEN);
connection.sendInjectAgentMessage({ type: "InjectAgentMessage", message: plan.goodbye, behavior: "queue" });
await notes.expect(...SPOKEN);
connection.close();
if (grant) {
  const { models } = await client.agent.v1.settings.think.models.list(); // which this SDK asks for without its key
  notes.take({ type: "(models)", known: models.length });
}
