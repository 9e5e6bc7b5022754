"""The demonstration: starts a daemon of its own on a free port and uses it over HTTP, as anybody would.

Leaves ``chatlog.txt`` (an event a line, Welcome to close) and ``output-<n>.wav`` (a reply each; the greeting is 0).
"""

import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson
import uvloop
from rich.console import Console

from agentd import log
from agentd.app import running
from agentd.config import LogSettings, Settings
from agentd.errors import AgentdError
from agentd.upstream.transport import install_transport

QUESTION: Final = Path(__file__).with_name("question.wav")
"""A person says "turn on the living room lamp" (LICENCE.md beside it)."""

_STAGES: Final = ("endpointing", "listen", "think", "function", "speak", "rest")
_SESSION: Final = "/v1/sessions/demo"


def run(out: Path | None, settings: Settings) -> int:
    """Hold the conversation and show it; files go to ``out`` (default ``demo-out``). Returns the exit status."""
    log.configure(LogSettings(level="error"), stream=sys.stderr)
    if settings.deepgram.transport == "picows":
        install_transport()
    console = Console(highlight=False, soft_wrap=True)
    try:
        uvloop.run(_demo(out or Path("demo-out"), settings, console))
    except (AgentdError, DemoError) as error:
        console.print(f"[red]demo failed:[/] {error}")
        return 1
    return 0


class DemoError(Exception):
    """The daemon answered with a problem."""


async def _demo(out: Path, settings: Settings, console: Console) -> None:
    _prepare(out)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="agentd-demo-") as state:
        mine = settings.model_copy(
            update={
                "server": settings.server.model_copy(update={"port": 0, "host": "127.0.0.1", "unix_socket": None}),
                "log": LogSettings(level="error"),
                "paths": settings.paths.model_copy(update={"state_dir": Path(state)}),
            }
        )
        async with running(mine, progress=lambda line: console.print(f"[dim]{line}[/]")) as daemon:
            if daemon.engine is not None:
                await daemon.engine.wait_ready(60.0)
            console.print(f"daemon    ready at {daemon.url} after {time.monotonic() - began:.1f} s")
            async with _api(daemon.url, Path(state) / "token") as api:
                await _talk(api, out, console)
    console.print(f"left      {_left(out)}")


async def _talk(api: "_Api", out: Path, console: Console) -> None:
    session = await api.call("PUT", _SESSION)
    console.print(f"session   {session['id']} · agent {session['agent']} · upstream {session['upstream']}")
    replies = 0

    if await _greeting(api):
        turn = await api.call("GET", f"{_SESSION}/turns/1")
        console.print(f"said      {turn['said']}  [dim](greeting → output-0.wav)[/]")
        await _save(api, 1, out / "output-0.wav")
        replies = 1

    console.print(f"\nyou       ♪ {QUESTION.name}")
    spoken = await api.call("POST", f"{_SESSION}/audio?wait=reply", data=_question(), content_type="audio/wav")
    _show(spoken, console, out / f"output-{replies}.wav")
    await _save(api, spoken["n"], out / f"output-{replies}.wav")

    question = "what is on in the living room"
    console.print(f"\nyou       {question}  [dim](as text)[/]")
    typed = await api.call("POST", f"{_SESSION}/messages?wait=reply", json={"role": "user", "content": question})
    _show(typed, console, out / f"output-{replies + 1}.wav")
    await _save(api, typed["n"], out / f"output-{replies + 1}.wav")

    asked = time.monotonic()
    await api.call("PUT", f"{_SESSION}/prompt", json={"prompt": "You are a butler. Answer in one short, polite sentence."})
    console.print(f"\nprompt    changed in mid-session, acknowledged after {(time.monotonic() - asked) * 1000:.0f} ms")

    transcript = await api.call("GET", f"{_SESSION}/transcript")
    console.print("\ntranscript")
    for line in transcript["items"]:
        console.print(f"  {line['role']:<10}{line['text']}")
    metrics = await api.text("/metrics")
    turns = [
        line for line in metrics.splitlines() if line.startswith("agentd_function_calls_total{") and not line.endswith(" 0.0")
    ]
    console.print("\nmetrics")
    for line in turns:
        console.print(f"  {line}")

    ended = await api.call("DELETE", _SESSION)
    usage = ended["usage"]
    console.print(
        f"\nended     {ended['end_reason']} · connection {usage['connection_s']:.1f} s (what Deepgram bills)"
        f" · {usage['turns']} turns · {usage['function_calls']} function calls"
    )
    events = await api.call("GET", f"/v1/sessions/{ended['run_id']}/events?after=0&limit=1000")
    _write_chatlog(out / "chatlog.txt", events["items"])


async def _greeting(api: "_Api") -> bool:
    """Wait until the greeting was said; False when the agent has none."""
    after = 0
    until = time.monotonic() + 5.0
    while time.monotonic() < until:
        page = await api.call("GET", f"{_SESSION}/events?after={after}&wait_s=1")
        for event in page["items"]:
            after = event["seq"]
            if event["type"] == "TurnFinished":
                return True
    return False


def _show(turn: dict[str, Any], console: Console, file: Path) -> None:
    console.print(f"heard     {turn['heard']}")
    for call in turn["calls"]:
        arguments = ", ".join(f"{name}={value!r}" for name, value in call["arguments"].items())
        took = f"{(call['duration_s'] or 0) * 1000:.0f} ms"
        console.print(f"called    {call['name']}({arguments}) → {call['result']}  [dim]{call['outcome']}, {took}[/]")
    console.print(f"said      {turn['said']}  [dim](→ {file.name})[/]")
    latency = turn["latency"]
    if latency["total_s"] is not None:
        parts = [f"{stage} {latency[stage + '_s'] * 1000:.0f}" for stage in _STAGES if latency[stage + "_s"] is not None]
        start = "the text" if turn["cause"] == "text" else "end of speech"
        console.print(
            f"took      {latency['total_s'] * 1000:.0f} ms from {start} to first audio  [dim]= {' + '.join(parts)} ms[/]"
        )


async def _save(api: "_Api", n: int, path: Path) -> None:
    _write(path, await api.fetch(f"{_SESSION}/turns/{n}/audio"))


def _read(token: Path) -> str:
    return token.read_text(encoding="ascii").strip()


def _question() -> bytes:
    return QUESTION.read_bytes()


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def _write_chatlog(path: Path, events: list[dict[str, Any]]) -> None:
    """One event a line: time, type, data as JSON."""
    lines = [f"{event['time']} {event['type']} {orjson.dumps(event['data']).decode()}\n" for event in events]
    path.write_text("".join(lines), encoding="utf-8")


def _prepare(out: Path) -> None:
    """Make the folder, and leave no reply of an earlier demonstration in it."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("output-*.wav"):
        old.unlink()


def _left(out: Path) -> str:
    return ", ".join(str(path) for path in [out / "chatlog.txt", *sorted(out.glob("output-*.wav"))])


class _Api:
    """The daemon over HTTP; problems become ``DemoError``."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self._http = http

    async def call(
        self, method: str, path: str, *, json: Any = None, data: bytes | None = None, content_type: str | None = None
    ) -> Any:
        headers = {"Content-Type": content_type} if content_type else None
        async with self._http.request(method, path, json=json, data=data, headers=headers) as response:
            return orjson.loads(await self._good(response))

    async def text(self, path: str) -> str:
        return (await self.fetch(path)).decode()

    async def fetch(self, path: str) -> bytes:
        async with self._http.get(path) as response:
            return await self._good(response)

    async def _good(self, response: aiohttp.ClientResponse) -> bytes:
        body = await response.read()
        if response.status >= 400:
            problem = orjson.loads(body)
            raise DemoError(f"{response.method} {response.url.path}: {problem['detail']} ({problem['code']})")
        return body


@asynccontextmanager
async def _api(url: str, token: Path) -> AsyncIterator[_Api]:
    headers = {"Authorization": f"Bearer {_read(token)}"}
    async with aiohttp.ClientSession(url, headers=headers, timeout=aiohttp.ClientTimeout(total=60), trust_env=False) as http:
        yield _Api(http)
