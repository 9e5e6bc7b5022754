"""Secrets of a real daemon, looked for wherever they could have gone: answers, log, files, metrics, other processes."""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agentd.door import TokenStore
from tests.e2e.door.conftest import SCRIPT
from tests.support.daemon import DaemonProcess, daemon_process
from tests.support.scripted import scripted_engine

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(300)]


async def test_no_secret_is_anywhere_but_where_it_belongs(tmp_path: Path) -> None:
    key = f"canary-{secrets.token_hex(16)}"
    config = "[agents.home]\nupstream = 'deepgram'\n[agents.local]\nupstream = 'engine'\n[log]\nlevel = 'debug'\n"
    async with scripted_engine(SCRIPT) as peer:  # it refuses the key: upstream errors are where keys leak
        urls = {"AGENTD_DEEPGRAM__AGENT_URL": peer.url, "AGENTD_DEEPGRAM__REST_URL": peer.http_url}
        async with daemon_process(tmp_path, config, environment={"DEEPGRAM_API_KEY": key, **urls}) as daemon:
            store = TokenStore(daemon.state_dir)
            store.load_or_create()
            made = store.create(frozenset({"read", "control"}), "made")
            granted = (await daemon.call("POST", "/v1/auth/grant")).json["access_token"]
            canaries = {"key": key, "first": daemon.token, "made": made, "granted": granted, "wrong": f"wrong-{made}"}
            answers = [answer async for answer in _provoked(daemon, canaries)]
            others = list(_descendants(daemon.process.pid))
            assert others, "workers and the engine are processes of their own"
            for pid in others:
                for name in ("environ", "cmdline"):
                    seen = Path(f"/proc/{pid}/{name}").read_bytes()
                    assert _found(canaries, seen) == [], (pid, name)
            command = Path(f"/proc/{daemon.process.pid}/cmdline").read_bytes()
            limits = Path(f"/proc/{daemon.process.pid}/limits").read_text()
            assert _found(canaries, command, *answers) == []
            assert limits.split("Max core file size")[1].split()[:2] == ["0", "0"]
            assert Path(f"/proc/{daemon.process.pid}/environ").stat().st_uid == 0  # not dumpable: root's alone
            assert await daemon.stop() == 0
            told = "".join(daemon.stderr).encode()
    belongs = {daemon.state_dir / "token", daemon.state_dir / "auth"}
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path not in belongs]
    assert {path.name for path in files} >= {"log.jsonl", "tokens.toml", "store.db"}
    assert _found(canaries, told, *(path.read_bytes() for path in files)) == []
    assert all(
        path.stat().st_mode & 0o077 == 0 for path in daemon.state_dir.iterdir() if path.name.startswith(("tok", "auth", "st"))
    )


async def _provoked(daemon: DaemonProcess, canaries: dict[str, str]) -> AsyncIterator[bytes]:
    """Answers to requests that carry secrets where none belong, and to those that must not give any."""
    first = canaries["first"]
    for canary in canaries.values():  # what a caller sends itself may come back to it; the log must not have it
        for path, headers in (
            (f"/v1/sessions?token={canary}", {}),
            (f"/v1/sessions/{canary}", {}),
            ("/healthz", {"Host": canary}),
        ):
            await daemon.call("GET", path, headers=headers)
    yield (await daemon.call("GET", "/v1/sessions", headers={"Authorization": f"Bearer {canaries['wrong']}"})).body
    yield (
        await daemon.call("POST", "/v1/sessions", data=f'{{"prompt": {first}}}', headers={"Content-Type": "application/json"})
    ).body
    refused = await daemon.call("PUT", "/v1/sessions/kitchen")
    assert refused.status == 502, refused.body
    yield refused.body + repr(refused.headers).encode()
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}
    closed = await daemon.call("GET", "/v1/agent/converse", headers=upgrade)
    yield closed.body + repr(closed.headers).encode()
    for path in (
        "/v1/agents",
        "/v1/agents/home",
        "/v1/functions",
        "/v1/events?after=0",
        "/readyz",
        "/metrics",
        "/v1/usage",
        "/openapi.json",
    ):
        answer = await daemon.call("GET", path)
        yield answer.body + repr(answer.headers).encode()


def _found(canaries: dict[str, str], *texts: bytes) -> list[str]:
    return [name for name, canary in canaries.items() for text in texts if canary.encode() in text]


def _descendants(pid: int) -> Iterator[int]:
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        yield int(child)
        yield from _descendants(int(child))


def test_the_test_sees_what_a_process_was_given() -> None:
    assert b"PATH=" in Path(f"/proc/{os.getpid()}/environ").read_bytes()
