"""A person at the console allows, refuses and stops what functions do, and answers for those that others run."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.e2e.console.conftest import Console
from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.house import until
from tests.support.programs import needs_chromium
from tests.support.scripted import ScriptedEngine, scripted_engine

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session"), needs_chromium]

HANDLERS = '''
import pathlib
from agentd.functions import *

@function(tier="high")
async def open_door(ctx: CallContext, door: str) -> str:
    """Open a door."""
    with open(pathlib.Path(MARK), "a") as file:
        file.write(door + ";")
    return f"{door} is open"
'''

DOOR = "front <b>door</b>"
SCRIPT: dict[str, Any] = {
    "on": [
        {"event": "user", "match": "open", "steps": [{"call": "open_door", "arguments": {"door": DOOR}}, {"say": "{result}"}]},
        {
            "event": "user",
            "match": "badge",
            "steps": [{"call": "read_badge", "arguments": {"reader": "gate"}}, {"say": "{result}"}],
        },
        {"event": "inject_agent", "steps": [{"say": "{text}"}]},
    ]
}


class Guarded:
    """A daemon with a dangerous function over a scripted upstream, and one visitor."""

    def __init__(self, daemon: DaemonProcess, console: Console, mark: Path, confirmer: str) -> None:
        self.daemon = daemon
        self.console = console
        self.confirmer = confirmer
        self._mark = mark

    @property
    def page(self) -> Page:
        return self.console.page

    @property
    def opened(self) -> str:
        return self._mark.read_text() if self._mark.exists() else ""

    async def ask(self, text: str) -> None:
        answer = await self.daemon.call("POST", "/v1/sessions/hall/messages", json={"content": text})
        assert answer.status in (200, 202), answer.json

    async def outcome(self) -> str:
        """Of the newest call, once it is settled: an answer given at the page is told of before the handler has run."""

        async def settled() -> str | None:
            outcome: str | None = (await self.daemon.call("GET", "/v1/sessions/hall/calls")).json["items"][-1]["outcome"]
            return outcome

        return await until(settled)


@asynccontextmanager
async def guarded(folder: Path, browser: Browser, *, limit_s: float = 30.0) -> AsyncIterator[Guarded]:
    functions, mark = folder / "functions", folder / "opened"
    functions.mkdir(mode=0o755)
    (functions / "door.py").write_text(f"{HANDLERS}\nMARK = {str(mark)!r}\n")
    async with (
        scripted_engine(SCRIPT) as peer,
        daemon_process(folder, config(peer, limit_s), functions=functions) as daemon,
    ):
        confirmer = await token(daemon, "confirm")
        context = await browser.new_context(viewport={"width": 1360, "height": 860})
        console = Console(await context.new_page(), daemon.url, daemon.token)
        try:
            assert (await daemon.call("PUT", "/v1/sessions/hall")).status == 201
            await console.enter()
            yield Guarded(daemon, console, mark, confirmer)
            await console.leave()
        finally:
            await context.close()


def config(peer: ScriptedEngine, limit_s: float) -> str:
    return f"""
    default_agent = "porter"
    [agents.porter]
    upstream = "deepgram"
    functions = ["open_door", "read_badge"]
    allow_high = ["open_door"]
    [deepgram]
    api_key = "{peer.key}"
    agent_url = "{peer.url}"
    rest_url = "{peer.http_url}"
    [limits]
    confirmation_s = {limit_s}
    [functions.delegated.read_badge]
    description = "Read a badge."
    tier = "read"
    timeout_s = 30
    parameters.reader.type = "string"
    """


async def token(daemon: DaemonProcess, scope: str) -> str:
    made = daemon.state_dir / f"{scope}.token"
    state = ("--state-dir", str(daemon.state_dir))
    command = (sys.executable, "-m", "agentd", "token", "--name", scope, "--scope", scope, "--out", str(made), *state)
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await process.wait() == 0
    return made.read_text().strip()


def waits(page: Page) -> Any:
    return page.locator("#waiting .wait")


async def allow_refusals(console: Console, *statuses: str) -> None:
    """The browser notes each refusal: these are meant."""
    noted = [re.search(r"status of (\d+)", fault) for fault in console.faults]
    assert {found[1] for found in noted if found} <= set(statuses), console.faults
    console.faults = [fault for fault, found in zip(console.faults, noted, strict=True) if not found]


async def test_a_call_is_approved_with_a_token_that_may(tmp_path: Path, browser: Browser) -> None:
    async with guarded(tmp_path, browser) as here:
        page = here.page
        await here.ask("open it")
        await expect(waits(page).locator(".call-name")).to_have_text("open_door")
        await expect(waits(page)).to_contain_text("hall (porter)")
        await expect(waits(page).locator(".tag")).to_have_text("high")
        await expect(waits(page).locator("dd")).to_have_text(DOOR)
        await expect(waits(page).get_by_role("timer")).to_have_text(re.compile(r"^\d+ s left$"))
        await waits(page).get_by_role("button", name="Approve").click()
        await expect(page.locator(".wait-token .problem-text")).to_contain_text("confirm")
        assert here.opened == ""
        await page.locator("#confirm-token").fill(here.confirmer)
        await page.locator("#confirm-token").press("Enter")
        await expect(page.locator(".wait-token")).to_be_hidden()
        await waits(page).get_by_role("button", name="Approve").click()
        await expect(page.locator("#waiting")).to_be_hidden()
        await expect(page.locator("body")).to_contain_text(f"{DOOR} is open")
        assert (await here.outcome(), here.opened) == ("ok", f"{DOOR};")
        kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])")
        assert here.confirmer not in kept
        await allow_refusals(here.console, "403")


async def test_a_call_is_refused_and_does_not_run(tmp_path: Path, browser: Browser) -> None:
    async with guarded(tmp_path, browser) as here:
        page = here.page
        await here.ask("open it")
        await waits(page).get_by_role("button", name="Refuse").click()
        await page.locator("#confirm-token").fill(here.confirmer)
        await page.get_by_role("button", name="Use it").click()
        await expect(page.locator(".wait-token")).to_be_hidden()
        await waits(page).get_by_role("button", name="Refuse").click()
        await expect(page.locator("#waiting")).to_be_hidden()
        assert (await here.outcome(), here.opened) == ("denied", "")
        await allow_refusals(here.console, "403")


async def test_a_call_that_nobody_confirms_in_time_goes_and_does_not_run(tmp_path: Path, browser: Browser) -> None:
    async with guarded(tmp_path, browser, limit_s=2.0) as here:
        await here.ask("open it")
        await expect(waits(here.page)).to_be_visible()
        await expect(here.page.locator("#waiting")).to_be_hidden()
        assert (await here.outcome(), here.opened) == ("denied", "")


async def test_one_click_stops_all_actions_and_an_admin_allows_them_again(tmp_path: Path, browser: Browser) -> None:
    async with guarded(tmp_path, browser) as here:
        page = here.page
        await here.ask("open it")
        await expect(waits(page)).to_be_visible()
        await page.get_by_role("button", name="Stop all actions").click()
        await expect(page.locator("#actions-off")).to_contain_text("Actions are off since")
        await expect(page.locator("#waiting")).to_be_hidden()
        assert (await here.outcome(), here.opened) == ("denied", "")
        await page.get_by_role("button", name="Allow actions again").click()
        await expect(page.locator("#actions-off")).to_be_hidden()
        await expect(page.get_by_role("button", name="Stop all actions")).to_be_visible()
        assert (await here.daemon.call("GET", "/v1/actions")).json["enabled"] is True


async def test_what_waits_before_the_page_is_opened_is_told_of(tmp_path: Path, browser: Browser) -> None:
    async with guarded(tmp_path, browser) as here:
        page = here.page
        await here.ask("open it")
        await expect(waits(page)).to_be_visible()
        await here.console.enter()
        await expect(page.locator("#waiting")).to_contain_text("One more call waits for a confirmation.")
        await page.get_by_role("button", name="Show them").click()
        await page.locator("#confirm-token").fill(here.confirmer)
        await page.get_by_role("button", name="Use it").click()
        await waits(page).get_by_role("button", name="Approve").click()
        await expect(page.locator("#waiting")).to_be_hidden()
        assert await here.outcome() == "ok"
        await allow_refusals(here.console, "403")


async def test_a_delegated_call_is_answered_by_hand(tmp_path: Path, browser: Browser) -> None:
    async with guarded(tmp_path, browser) as here:
        page = here.page
        await here.ask("badge")
        await expect(waits(page).locator(".call-name")).to_have_text("read_badge")
        await page.get_by_label("Result of the call").fill("Ada")
        await page.get_by_role("button", name="Answer").click()
        await expect(page.locator("#waiting")).to_be_hidden()
        assert await here.outcome() == "ok"
