// A conversation of @deepgram/browser-agent in Chromium, whose microphone hears a recording.
// node browser_agent.mjs ws://host:port KEY recording.wav PLAN PORT CHROMIUM   (the page is served on PORT)

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Notes, SPOKEN, settings, switchLamp } from "./notes.mjs";

const [base, key, recording, planText, port, executablePath] = process.argv.slice(2);
const plan = JSON.parse(planText);
const notes = new Notes();
const at = (path) => fileURLToPath(new URL(path, import.meta.url));

const files = createServer(async (request, response) => {
  const script = request.url.match(/^\/browser-agent\/([a-z]+\.mjs)$/);
  const path = script ? at(`node_modules/@deepgram/browser-agent/dist/${script[1]}`) : at("page.html");
  response.setHeader("Content-Type", script ? "text/javascript" : "text/html");
  response.end(await readFile(path));
});
await new Promise((resolve) => files.listen(Number(port), "127.0.0.1", resolve));
const address = `http://127.0.0.1:${files.address().port}`;

const granted = await fetch(`${base.replace("ws", "http")}/v1/auth/grant`, {
  method: "POST", headers: { Authorization: `Token ${key}` },
});
const { access_token: token } = await granted.json();

const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${recording}%noloop`,
  ],
});
try {
  const page = await (await browser.newContext({ permissions: ["microphone"] })).newPage();
  page.on("pageerror", (error) => notes.take({ type: "(error)", text: String(error) }));
  await page.exposeFunction("note", (message) => notes.take(message));
  await page.goto(address);
  await page.waitForFunction("window.ready");
  const rate = await page.evaluate(() => new AudioContext().sampleRate);
  const send = (message) =>
    page.evaluate((text) => document.getElementById("agent").sendClientMessage(text), JSON.stringify(message));
  await page.evaluate(
    ([url, token, config]) => {
      const agent = document.getElementById("agent");
      agent.token = token;
      agent.setAttribute("url", url);
      agent.setAttribute("config", config);
    },
    [`${base}/v1/agent/converse`, token, JSON.stringify(settings(plan, { input: rate, extra: { experimental: true } }))],
  );
  const answered = async () => {
    await notes.expect("FunctionCallRequest");
    const call = notes.last("FunctionCallRequest").functions[0];
    const content = switchLamp(call.name, call.arguments);
    await send({ type: "FunctionCallResponse", id: call.id, name: call.name, content });
    await notes.expect(...SPOKEN);
  };
  await notes.expect("(socket open)", "UserStartedSpeaking");
  await answered();
  await send({ type: "InjectUserMessage", content: plan.typed });
  await answered();
  await page.evaluate(() => document.getElementById("agent").removeAttribute("config"));
  await notes.expect("(socket close)");
} finally {
  await browser.close();
  files.close();
}
