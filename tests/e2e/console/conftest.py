"""The console in Chromium, on a real daemon with the embedded engine, with a recording as the microphone."""

import re
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright, expect

from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.programs import CHROMIUM

RECORDING = Path(__file__).parents[3] / "agentd/demo/question.wav"
SAID = "turn on the living room lamp"
BEFORE_S, AFTER_S = 1, 60
"""What the microphone hears before the recording and after it; it begins when the page opens the microphone."""

CONFIG = """
default_agent = "home"
[agents.home]
prompt = "You are the voice of a home."
[agents.reader]
prompt = "You read."
functions = []
"""


expect.set_options(timeout=60_000)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def daemon(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DaemonProcess]:
    async with daemon_process(tmp_path_factory.mktemp("console"), CONFIG) as daemon:
        yield daemon


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("microphone") / "microphone.wav"
    with wave.open(str(RECORDING)) as file:
        shape, speech = file.getparams(), file.readframes(file.getnframes())
    second = bytes(2 * shape.framerate)
    with wave.open(str(path), "wb") as file:
        file.setparams(shape)
        file.writeframes(second * BEFORE_S + speech + second * AFTER_S)
    return path


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(microphone: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox", "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={microphone}%noloop", "--autoplay-policy=no-user-gesture-required",
                "--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run",
            ],
        )  # fmt: skip
        yield browser
        await browser.close()


class Console:
    """One visitor: a page of its own, watched for what must never happen."""

    def __init__(self, page: Page, url: str, token: str) -> None:
        self.page = page
        self.url = url
        self.token = token
        self.faults: list[str] = []
        self.addresses: list[str] = []
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(str(error)))
        page.on("request", lambda request: self.addresses.append(request.url))
        page.on("websocket", lambda socket: self.addresses.append(socket.url))
        page.set_default_timeout(60_000)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"{message.type}: {message.text} {message.location['url']}")

    async def visit(self, path: str = "/console") -> None:
        """Open the page."""
        await self.page.goto(self.url + path)
        await self.page.locator("#token").wait_for()

    async def enter(self, token: str | None = None) -> None:
        """Open the page and sign in."""
        await self.visit()
        await self.sign_in(token)

    async def sign_in(self, token: str | None = None) -> None:
        """Paste the token into the page that is open."""
        await self.page.locator("#token").fill(token or self.token)
        await self.page.keyboard.press("Enter")
        await self.page.locator("#app").wait_for()

    async def start(self, name: str) -> None:
        """Start a session in the dialog."""
        await self.page.locator("#start").click()
        await self.page.locator("#start-name").fill(name)
        await self.page.get_by_role("button", name="Start", exact=True).click()
        await self.page.get_by_role("heading", name=name, exact=True).wait_for()

    async def type(self, text: str) -> None:
        """Send a message."""
        await self.page.locator("#composer-text").fill(text)
        await self.page.keyboard.press("Enter")

    def line(self, kind: str, text: str | re.Pattern[str]) -> Any:
        """A line of the transcript."""
        return self.page.locator(f".line.{kind}:visible", has_text=text)

    async def leave(self) -> None:
        """What holds for every visit: no error, nothing from elsewhere, and the token only where it belongs."""
        kept = await self.page.evaluate(
            "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, location.href])"
        )
        assert self.token not in kept
        assert await self.page.context.cookies() == []
        own = (self.url + "/", self.url.replace("http", "ws", 1) + "/", "blob:", "data:")
        assert [address for address in self.addresses if not address.startswith(own)] == []
        assert not any(self.token in address for address in self.addresses)
        assert self.faults == []


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    context = await browser.new_context(viewport={"width": 1360, "height": 860}, permissions=["microphone"])
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def console(context: BrowserContext, daemon: DaemonProcess) -> AsyncIterator[Console]:
    visitor = Console(await context.new_page(), daemon.url, daemon.token)
    yield visitor
    await visitor.leave()
