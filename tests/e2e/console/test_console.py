"""A person at the console: what they do, and what they then see."""

import asyncio
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.e2e.console.conftest import SAID, Console
from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.programs import NODE_CLIENTS, needs_chromium, needs_node

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.models,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="session"),
    needs_chromium,
]

HOSTILE = '<img src="/nothing" onerror="window.owned = true"><script>window.owned = true</script>'


async def test_a_session_is_started_typed_to_steered_and_stopped(console: Console, daemon: DaemonProcess) -> None:
    page = console.page
    await console.enter()
    await expect(page.get_by_text("Nobody is on the line.")).to_be_visible()
    await console.start("hall")
    await expect(page.locator("#talk-state")).to_have_text("idle")

    await console.type("turn on the kitchen lights")
    await expect(console.line("user", "turn on the kitchen lights")).to_be_visible()
    await expect(console.line("agent", re.compile("kitchen.* on", re.IGNORECASE))).to_be_visible()
    call = page.locator(".turn-calls .call")
    await expect(call.locator("summary")).to_contain_text("set_light")
    await expect(call.locator(".tag")).to_have_text("ok")
    await call.locator("summary").click()
    await expect(call.locator(".call-whole")).to_contain_text("kitchen")
    await expect(page.locator(".turn .stage-bar")).to_have_attribute("aria-label", re.compile("Speak "))
    await expect(page.locator(".chart svg g")).to_have_count(1)
    await page.get_by_text("As a table").click()
    await expect(page.get_by_role("cell").first).to_contain_text(re.compile(r"\d+ ms|\d\.\d+ s"))

    await page.get_by_role("tab", name="Calls").click()
    await expect(page.locator("#panel-calls .call-name")).to_have_text("set_light")
    await page.get_by_role("tab", name="Agent").click()
    await expect(page.locator("#prompt")).to_have_value("You are the voice of a home.")
    await page.locator("#prompt").fill("You are the voice of a ship.")
    await page.locator("#prompt-replace").click()
    await expect(page.locator(".outcome").first).to_have_text("Prompt: applied.")
    await page.locator("#prompt-extra").fill("Say aye.")
    await page.locator("#prompt-append").click()
    await expect(page.locator("#prompt")).to_have_value(re.compile(r"ship\.\s+Say aye\."))
    await expect(page.locator("#voice")).to_have_value("aura-2-thalia-en")
    await page.locator("#voice").fill("aura-2-apollo-en")
    await page.locator("#speed").fill("1.2")
    await page.locator("#voice-change").click()
    await expect(page.locator(".outcome").last).to_have_text("Voice: applied.")
    assert "ship" in (await daemon.call("GET", "/v1/sessions/hall/prompt")).json["prompt"]
    provider = (await daemon.call("GET", "/v1/sessions/hall/speak")).json["provider"]
    assert (provider["model"], provider["speed"]) == ("aura-2-apollo-en", 1.2)

    await page.locator("#stop").click()
    await expect(page.locator("#talk-state")).to_have_text("ended")
    await expect(page.locator(".composer")).to_be_hidden()
    assert (await daemon.call("GET", "/v1/sessions/hall")).json["state"] == "ended"


async def test_what_is_said_stays_text(console: Console, daemon: DaemonProcess) -> None:
    await daemon.call("PUT", "/v1/sessions/xss", json={"metadata": {"note": HOSTILE}, "prompt": HOSTILE})
    await console.enter()
    await console.page.get_by_role("button", name=re.compile("^xss")).click()
    await daemon.call("POST", "/v1/sessions/xss/messages", json={"role": "assistant", "content": HOSTILE})
    await expect(console.line("agent", "onerror")).to_be_visible()
    await console.type(HOSTILE)
    await expect(console.line("user", "onerror")).to_be_visible()
    await console.page.get_by_role("tab", name="Session").click()
    await expect(console.page.locator(".facts")).to_contain_text("onerror")
    assert await console.page.locator("#app img, #app script").count() == 0
    assert await console.page.evaluate("window.owned") is None
    await daemon.call("DELETE", "/v1/sessions/xss")


async def test_refusals_are_told_in_the_daemons_own_words(console: Console, daemon: DaemonProcess) -> None:
    page = console.page
    await console.visit()
    await page.locator("#token").fill("not-a-token")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("This token is not known")
    await console.enter()
    await daemon.call("PUT", "/v1/sessions/taken")
    await page.locator("#start").click()
    await page.locator("#start-name").fill("taken")
    await page.get_by_role("button", name="Start", exact=True).click()
    await expect(page.locator("dialog .problem-text")).to_contain_text("taken")
    await page.keyboard.press("Escape")
    await daemon.call("DELETE", "/v1/sessions/taken")
    await daemon.call("POST", "/v1/admin/drain")
    await console.visit()
    await expect(page.locator("#banner")).to_contain_text("draining")
    await daemon.call("POST", "/v1/admin/undrain")
    noted = [re.search(r"status of (\d+)", fault) for fault in console.faults]
    assert {found[1] for found in noted if found} == {"401", "409", "503"}, "a browser notes each refusal, and nothing else"
    console.faults = [fault for fault, found in zip(console.faults, noted, strict=True) if not found]


async def test_the_keyboard_alone_is_enough(console: Console, daemon: DaemonProcess) -> None:
    page = console.page
    await console.enter()
    await page.keyboard.press("n")
    await expect(page.locator("#start-name")).to_be_focused()
    await page.keyboard.type("keys")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="keys")).to_be_focused()
    await page.keyboard.press("/")
    await page.keyboard.type("what day is it today?")
    await page.keyboard.press("Enter")
    await expect(console.line("agent", re.compile(r"\w"))).to_be_visible()
    await page.keyboard.press("Escape")
    await page.keyboard.press("?")
    await expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()
    await page.get_by_label("Use these keys").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("n")
    await expect(page.locator("#start-name")).to_be_hidden()
    await page.locator("#tab-latency").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator("#tab-calls")).to_be_focused()
    await expect(page.locator("#panel-calls .call-name")).to_have_text("get_date")
    await daemon.call("DELETE", "/v1/sessions/keys")


async def test_a_token_without_words_sees_that_there_are_some(console: Console, daemon: DaemonProcess) -> None:
    await daemon.call("PUT", "/v1/sessions/mute")
    await daemon.call("POST", "/v1/sessions/mute/messages?wait=reply", json={"role": "user", "content": "kitchen lights on"})
    granted = await daemon.call("POST", "/v1/auth/grant", json={"scopes": ["read"], "ttl_seconds": 60})
    await console.enter(granted.json["access_token"])
    await console.page.get_by_role("button", name=re.compile("^mute")).first.click()
    await expect(console.line("agent", "This token may not read what was said.")).to_be_visible()
    await expect(console.page.locator("#talk")).not_to_contain_text("kitchen lights")
    await daemon.call("DELETE", "/v1/sessions/mute")
    refused = [fault for fault in console.faults if "status of 403" in fault]
    assert len(refused) == 1, "the prompt"
    console.faults = [fault for fault in console.faults if fault not in refused]


async def test_a_token_that_is_taken_back_ends_the_visit_and_says_so(console: Console, daemon: DaemonProcess) -> None:
    async def agentd(*arguments: str) -> str:
        command = (sys.executable, "-m", "agentd", "token", *arguments, "--state-dir", str(daemon.state_dir))
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        assert process.returncode == 0
        return out.decode().strip()

    await console.enter(await agentd("--name", "guest", "--scope", "read"))
    await agentd("revoke", "guest")
    await expect(console.page.locator("#token")).to_be_visible()
    await expect(console.page.get_by_role("alert")).to_contain_text("This token is not known")
    assert any("status of 401" in fault for fault in console.faults)
    console.faults.clear()  # and the stream that broke off


async def test_events_in_any_order_become_the_turns_the_daemon_tells(console: Console) -> None:
    await console.visit()
    seen = await console.page.evaluate(
        r"""async () => {
          const { Conversation } = await import("/console/turns.js");
          const { Parser } = await import("/console/events.js");
          const talk = new Conversation();
          const shown = () => talk.all.map((turn) => [turn.n, turn.heard, turn.said, turn.calls.map((call) => call.outcome)]);
          const steps = [];
          const on = (type, data) => { talk.apply({ type, data, time: "2026-11-25T00:00:00Z" }); steps.push(shown()); };
          on("ConversationText", { role: "user", content: "lamp on" });
          on("FunctionCallStarted", { call_id: "1", name: "set_light", arguments: {} });
          on("ConversationText", { role: "assistant", content: "Hello." });
          on("TurnFinished", { n: 2, heard: null, said: "Hello.", calls: [], outcome: "completed" });
          on("FunctionCallFinished", { call_id: "1", name: "set_light", outcome: "ok", duration_s: 0.1 });
          on("ConversationText", { role: "assistant", content: "It is on." });
          on("UserStartedSpeaking", {});
          const calls = [{ call_id: "1", outcome: "ok" }];
          on("TurnFinished", { n: 1, heard: "lamp on", said: "It is on.", outcome: "interrupted", calls });
          const parser = new Parser();
          const events = ["retry: 2000\n\nevent: A\nid: 1\nda", "ta: x\ndata: y\n\n: ping\n", "\nid: 2\r\ndata:z\r\n\r\n"];
          return { steps, last: talk.all.at(-1).listening, events: events.flatMap((piece) => parser.feed(piece)) };
        }"""
    )
    assert seen["steps"][2] == [[None, "lamp on", "Hello.", [None]]]
    assert seen["steps"][3] == [[2, None, "Hello.", []], [None, "lamp on", None, [None]]]
    assert seen["steps"][5] == [[2, None, "Hello.", []], [None, "lamp on", "It is on.", ["ok"]]]
    assert seen["steps"][7] == [[1, "lamp on", "It is on.", ["ok"]], [2, None, "Hello.", []], [None, None, None, []]]
    assert seen["last"] is True
    assert seen["events"] == [{"id": "1", "data": "x\ny"}, {"id": "2", "data": "z"}]


@needs_node
@pytest.mark.parametrize(("scheme", "width"), [("light", 1360), ("dark", 1360), ("light", 360)])
async def test_axe_finds_nothing_serious(browser: Browser, daemon: DaemonProcess, scheme: Any, width: int) -> None:
    axe = (NODE_CLIENTS / "node_modules/axe-core/axe.min.js").read_text()
    context = await browser.new_context(viewport={"width": width, "height": 740}, color_scheme=scheme, reduced_motion="reduce")
    console = Console(await context.new_page(), daemon.url, daemon.token)
    await daemon.call("PUT", "/v1/sessions/axe")
    await daemon.call("POST", "/v1/sessions/axe/messages?wait=reply", json={"role": "user", "content": "kitchen lights off"})

    async def check(where: str) -> None:
        found = await console.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        serious = [violation for violation in found["violations"] if violation["impact"] in ("serious", "critical")]
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious] == [], where
        assert await console.page.evaluate("document.documentElement.scrollWidth") <= width, f"{where} is wider than the screen"

    await console.visit()
    await console.page.evaluate(axe)
    await check("sign-in")
    await console.sign_in()
    await check("sessions")
    await console.page.locator("#start").click()
    await check("start")
    await console.page.keyboard.press("Escape")
    await console.page.get_by_role("button", name=re.compile("^axe")).first.click()
    await expect(console.line("agent", "off").last).to_be_visible()
    await check("conversation")
    if width < 760:
        await console.page.locator("#details").click()
    for name in ("Calls", "Agent", "Session"):
        await console.page.get_by_role("tab", name=name).click()
        await check(name)
    await console.page.locator("#help").click()
    await check("keyboard")
    await console.leave()
    await context.close()


async def test_the_page_comes_back_by_itself_when_the_daemon_does(browser: Browser, tmp_path: Path) -> None:
    config = '[engine]\nmode = "never"\n[deepgram]\napi_key = "none"\nagent_url = "ws://127.0.0.1:9"\n'
    async with daemon_process(tmp_path, config) as daemon:
        page = await browser.new_page()
        console = Console(page, daemon.url, daemon.token)
        await console.enter()
        await expect(page.locator("#link")).to_have_text("Live")
        port = int(daemon.url.rpartition(":")[2])
        await daemon.stop()
    await expect(page.locator("#link")).to_have_text("Reconnecting")
    await expect(page.locator("#banner")).to_contain_text("tried again")
    async with daemon_process(tmp_path, config, environment={"AGENTD_SERVER__PORT": str(port)}) as again:
        assert again.url == console.url
        await expect(page.locator("#link")).to_have_text("Live")
        await expect(page.locator("#banner")).to_be_hidden()
        await page.close()


async def test_a_spoken_question_is_heard_answered_and_played(console: Console, daemon: DaemonProcess) -> None:
    page = console.page
    await console.enter()
    await console.start("voice")
    await page.locator("#mode").click()  # an open microphone
    await page.locator("#mic").click()
    await expect(page.locator(".mic-hint")).to_have_text("The microphone is open")
    await expect(page.locator(".meter.in[data-loud]")).to_be_visible()
    await expect(console.line("user", re.compile(SAID, re.IGNORECASE))).to_be_visible()
    await expect(page.locator(".turn-calls .call-name")).to_have_text("set_light")
    await expect(console.line("agent", re.compile("lamp.* on", re.IGNORECASE))).to_be_visible()
    await expect(page.locator(".meter.out[data-loud]")).to_be_visible()
    await page.locator("#mic").click()
    await expect(page.locator(".mic-hint")).to_have_text("The microphone is off")
    await expect(page.locator(".meter.in[data-loud]")).to_have_count(0)
    await page.locator("#sound").click()  # other processing opens the microphone anew: the recording begins again
    await page.get_by_label("Echo cancellation").uncheck()
    await expect(page.locator(".meter.in[data-loud]")).to_have_count(1)
    await page.get_by_role("button", name="Done").click()
    await page.locator("#mode").click()  # push to talk: by the button that has the focus, and from anywhere else
    for focused in ("#mic", "#talk-title"):
        await page.locator(focused).focus()
        await page.keyboard.down("Space")
        await expect(page.locator("#mic[data-hot]")).to_be_visible()
        await page.keyboard.up("Space")
        await expect(page.locator("#mic[data-hot]")).to_have_count(0)
    await page.locator("#mic").hover()
    await page.mouse.down()
    await expect(page.locator("#mic[data-hot]")).to_be_visible()
    await page.mouse.up()
    await expect(page.locator("#mic[data-hot]")).to_have_count(0)
    await page.locator("#listen").click()
    await expect(page.locator("#mic")).to_have_attribute("data-attached", "off")
    turn = (await daemon.call("GET", "/v1/sessions/voice/turns")).json["items"][0]
    assert turn["delivered"] is True
    await daemon.call("DELETE", "/v1/sessions/voice")


async def test_who_listens_in_hears_the_agent_and_sees_what_an_interruption_cut(console: Console, daemon: DaemonProcess) -> None:
    page = console.page
    await daemon.call("PUT", "/v1/sessions/story", json={"agent": "reader"})
    await console.enter()
    await page.get_by_role("button", name=re.compile("^story")).first.click()
    await page.locator("#listen").click()
    await expect(page.locator("#listen")).to_have_text("Hang up")
    await expect(page.locator(".mic-hint")).to_have_text("Listening in")
    story = "Once upon a time a lighthouse keeper counted the ships that passed, and wrote all of them into a large green book."
    await daemon.call("POST", "/v1/sessions/story/messages", json={"role": "assistant", "content": story})
    await expect(page.locator(".meter.out[data-loud]")).to_be_visible()
    await page.keyboard.press(".")
    await expect(page.locator(".turn[data-outcome=interrupted] .agent .cut")).to_contain_text("green book.")
    await expect(page.locator(".turn[data-outcome=interrupted] .tag")).to_have_text("interrupted")
    played = (await daemon.call("GET", "/v1/sessions/story/turns/1")).json["played"]
    assert await page.locator(".turn .agent .words").inner_text() == (played or "")
    await daemon.call("DELETE", "/v1/sessions/story")
    await expect(page.locator("#listen")).to_be_hidden()


async def test_a_conversation_that_is_over_is_replayed_taken_away_and_taken_up_again(
    console: Console, daemon: DaemonProcess
) -> None:
    page = console.page
    await daemon.call("PUT", "/v1/sessions/past", json={"record": True})
    for text in ("kitchen lights on", "what day is it today?"):
        await daemon.call("POST", "/v1/sessions/past/messages?wait=reply", json={"role": "user", "content": text})
    await daemon.call("DELETE", "/v1/sessions/past")
    await console.enter()
    await page.get_by_role("button", name=re.compile("^past")).first.click()
    await page.locator("#replay").click()
    await expect(page.locator(".turn[data-playing]")).to_contain_text("kitchen lights on")
    await page.get_by_role("button", name=re.compile("^Turn 2,")).click()
    await expect(page.locator(".turn[data-playing]")).to_contain_text("what day is it today?")
    assert await page.locator("audio").evaluate("audio => audio.currentTime") > 0

    await page.get_by_role("tab", name="Session").click()
    async with page.expect_download() as taken:
        await page.locator("#export").click()
    assert re.fullmatch(r"past-[0-9A-Z]{26}\.zip", (await taken.value).suggested_filename)

    await page.locator("#resume").click()
    await expect(page.locator("#talk-state")).to_have_text("idle")
    await expect(page.locator("#stop")).to_be_visible()
    await page.locator("#stop").click()
    await expect(page.locator("#talk-state")).to_have_text("ended")
    await page.locator("#erase").click()
    await page.get_by_role("button", name="Erase words, audio and events?").click()
    await expect(page.locator("#erase")).to_be_hidden()
    await expect(page.get_by_role("button", name=re.compile("^past"))).to_have_count(1)  # the run that was gone on from
    await expect(page.locator(".problem-text:visible")).to_have_count(0)
