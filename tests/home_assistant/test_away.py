"""Home Assistant is not there, comes back, hangs, or does not know us: what is told is the truth, and nothing hangs with it."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.home_assistant.conftest import Start
from tests.support.certificates import certificate_for
from tests.support.handlers import Bench, eventually
from tests.support.home_assistant import HomeAssistant, free_port

pytestmark = pytest.mark.asyncio(loop_scope="session")

SILENT = ("error", "Home Assistant does not answer.")


async def answer(bench: Bench) -> tuple[str, str]:
    outcome = await bench.call("switch_light", light="bed light", on=False)
    return outcome.outcome, outcome.content


def names(bench: Bench) -> list[str]:
    """What the offline thinker knows of lights."""
    light = bench.functions.registry.specs["switch_light"].parameters["properties"]["light"]
    return list(light.get("examples", ()))


async def test_without_a_home_assistant_the_functions_are_there_and_say_so(agentd: Start) -> None:
    bench = await agentd(url=f"http://127.0.0.1:{free_port()}")
    assert "switch_light" in bench.functions.registry.specs
    assert await answer(bench) == SILENT


async def test_a_wrong_token_is_told_and_never_repeated(agentd: Start, capfd: pytest.CaptureFixture[str]) -> None:
    bench = await agentd(token="not-the-token-of-this-house")
    assert await answer(bench) == ("error", "Home Assistant refuses agentd's access token; it has to be replaced.")
    out, err = capfd.readouterr()
    assert "not-the-token-of-this-house" not in out + err


async def test_a_token_of_somebody_without_rights_needs_an_allow_list(agentd: Start, house: HomeAssistant) -> None:
    token = await house.guest_token()
    bench = await agentd(token=token)
    assert await answer(bench) == (
        "error",
        "Home Assistant does not allow that to the user whose access token agentd has.",
    )
    assert await answer(await agentd(token=token, allow=["light.*"])) == ("ok", "The Bed Light is off.")


async def test_a_restart_is_survived_and_told_as_one(
    agentd: Start, house: HomeAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentd.functions.workers.generation.PREPARE_AGAIN_S", 0.2)
    bench = await agentd()
    assert await answer(bench) == ("ok", "The Bed Light is off.")
    await house.stop()
    assert await answer(bench) == SILENT
    early = await agentd()
    assert not names(early)
    starting = asyncio.ensure_future(house.start())  # noqa: TID251 - of this test
    seen = set()
    async with asyncio.timeout(90):
        while (told := await answer(bench)) != ("ok", "The Bed Light is off."):
            seen.add(told[1].removesuffix(" Home Assistant is still starting; try again in a moment."))
            await asyncio.sleep(0.1)
    await starting
    assert SILENT[1] in seen
    await eventually(lambda: "Bed Light" in names(early), "what was started before knows the names", bound_s=60)
    assert all(words == SILENT[1] or words.startswith(("There is no ", "The Bed Light ", "Home Assistant ref")) for words in seen)


async def test_a_home_assistant_that_hangs_ends_the_call_and_the_next_one_is_served(agentd: Start, house: HomeAssistant) -> None:
    bench = await agentd()
    assert await answer(bench) == ("ok", "The Bed Light is off.")
    assert house.process is not None
    house.process.send_signal(signal.SIGSTOP)
    try:
        assert await answer(bench) == SILENT
    finally:
        house.process.send_signal(signal.SIGCONT)
    assert await answer(bench) == ("ok", "The Bed Light is off.")


@contextlib.asynccontextmanager
async def encrypted(port: int, folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """A proxy that speaks TLS before ``port``: its own port, and the authority that signed for it."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        house_reader, house_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(pump(reader, house_writer), pump(house_reader, writer))
        for one in (writer, house_writer):
            with contextlib.suppress(OSError):
                await one.wait_closed()
        ended.set()

    ended = asyncio.Event()
    certificate = certificate_for(["localhost"], folder)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificate.server)
    try:
        yield server.sockets[0].getsockname()[1], certificate.authority
        async with asyncio.timeout(30):
            await ended.wait()
    finally:
        server.close()


async def test_a_certificate_is_checked(agentd: Start, house: HomeAssistant, tmp_path: Path) -> None:
    async with encrypted(house.port, tmp_path) as (port, authority):
        trusting = await agentd(url=f"https://localhost:{port}", ca_file=str(authority))
        assert await answer(trusting) == ("ok", "The Bed Light is off.")
        await trusting.close()
        assert await answer(await agentd(url=f"https://localhost:{port}")) == SILENT
