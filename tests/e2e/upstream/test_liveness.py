"""Peers that go away without a word, read too slowly, or send too much."""

import asyncio
import signal
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from agentd.upstream.connection import Closed
from tests.e2e.upstream.conftest import MakeClient
from tests.e2e.upstream.peers import (
    RATE,
    Authority,
    Ears,
    accept_upgrade,
    frame,
    read_frame,
    target,
    tcp_peer,
    until_close,
)

PEER = """
import asyncio
from aiohttp import web
async def converse(request):
    socket = web.WebSocketResponse()
    await socket.prepare(request)
    async for message in socket:
        await socket.send_str(message.data)
    return socket
async def main():
    app = web.Application()
    app.router.add_get("/v1/agent/converse", converse)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_stopped_peer_process_is_noticed_within_ping_and_pong(make_client: MakeClient) -> None:
    loop = asyncio.get_running_loop()
    ears = Ears()
    with subprocess.Popen([sys.executable, "-c", PEER], stdout=subprocess.PIPE, text=True) as peer:  # noqa: ASYNC220 - quick
        try:
            assert peer.stdout is not None
            port = int(await asyncio.to_thread(peer.stdout.readline))
            client = make_client(upstream_ping_s=0.3, upstream_pong_s=2)
            connection = await client.connect(target(f"ws://127.0.0.1:{port}"), ears, input_bytes_per_s=RATE)
            connection.send_text(b"there?")
            await ears.until(lambda ears: ears.heard == ["there?"])
            peer.send_signal(signal.SIGSTOP)
            stopped = loop.time()
            closed = await ears.end()
            assert loop.time() - stopped < 30
            assert closed == Closed(None, "no sign of life within 2 s of a ping", "watchdog")
            async with asyncio.timeout(30):
                await connection.close()
            assert len(ears.closed) == 1
        finally:
            peer.kill()


async def test_a_quiet_peer_that_answers_pings_stays(make_client: MakeClient) -> None:
    pings = asyncio.Semaphore(0)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        while (got := await read_frame(reader))[0] == 9:
            writer.write(frame(10, got[1]))
            pings.release()
        writer.write(frame(8, got[1]))

    ears = Ears()
    async with tcp_peer(answer) as url:
        client = make_client(upstream_ping_s=0.1, upstream_pong_s=0.4)
        connection = await client.connect(target(url), ears, input_bytes_per_s=RATE)
        async with asyncio.timeout(30):
            for _ in range(5):
                await pings.acquire()
        assert not connection.closed
        await connection.close()
    assert ears.closed == [Closed(1000, "", "local")]


async def test_a_peer_that_ignores_the_close_is_dropped_in_bounded_time(
    make_client: MakeClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agentd.upstream.connection.CLOSE_S", 0.2)
    gone = asyncio.Event()

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        try:
            await reader.read()
        finally:
            gone.set()

    ears = Ears()
    async with tcp_peer(ignore) as url:
        connection = await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
        async with asyncio.timeout(2):
            await connection.close()
            await gone.wait()
    assert ears.closed == [Closed(1000, "", "local")]


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
async def test_an_upstream_that_stops_reading_costs_old_audio_and_neither_text_nor_memory(
    make_client: MakeClient, secure: bool, tls: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    go_on = asyncio.Event()
    audio: list[int] = []
    texts: list[bytes] = []
    done = asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await go_on.wait()
        writer.transport.resume_reading()  # type: ignore[attr-defined]
        while True:
            opcode, payload = await read_frame(reader)
            if opcode == 2:
                audio.append(struct.unpack_from("<I", payload)[0])
            elif opcode == 1:
                texts.append(payload)
            elif opcode == 8:
                writer.write(frame(8, payload))
                return
            if texts[-1:] == [b"last"]:
                done.set()

    frames, size = 20_000, 960
    async with tcp_peer(slow, tls=tls.server if secure else None) as url:
        connection = await make_client().connect(target(url), Ears(), input_bytes_per_s=RATE)
        for n in range(frames):
            connection.send_audio(struct.pack("<I", n) + bytes(size - 4))
            if n % 2000 == 0:
                connection.send_text(b"text %d" % n)
                await asyncio.sleep(0)  # lets the socket's own task run; nothing is waited for
        connection.send_text(b"last")
        waiting = connection._outbox.audio_bytes
        assert RATE * 2 - size < waiting <= RATE * 2
        go_on.set()
        async with asyncio.timeout(60):
            await done.wait()
        assert texts == [*(b"text %d" % n for n in range(0, frames, 2000)), b"last"]
        assert audio == sorted(audio)
        assert audio[-1] == frames - 1
        assert audio[-(waiting // size) :] == list(range(frames - waiting // size, frames))
        assert len(audio) * size + connection.dropped_bytes == frames * size
        assert connection.dropped_bytes > frames * size / 2
        await connection.close()


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * 4096


@pytest.mark.parametrize("megabytes", [20, 64])
async def test_a_frame_beyond_the_limit_ends_the_connection_before_it_takes_memory(
    make_picows_client: MakeClient, megabytes: int
) -> None:
    chunk = bytes(65536)

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        writer.write(frame(1, b"ok") + b"\x82\x7f" + (megabytes << 20).to_bytes(8, "big"))
        for _ in range(megabytes * 16):
            writer.write(chunk)
            await writer.drain()

    ears = Ears()
    before = resident_bytes()
    async with tcp_peer(flood) as url:
        await make_picows_client().connect(target(url), ears, input_bytes_per_s=RATE)
        closed = await ears.end()
    assert (closed.code, closed.cause) == (1009, "transport")
    assert "exceed" in closed.reason
    assert resident_bytes() - before < 20 << 20


async def test_fragments_that_add_up_to_more_than_the_limit_end_the_connection(make_picows_client: MakeClient) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        writer.write(frame(2, bytes(60_000), fin=False))
        writer.write(frame(0, bytes(60_000), fin=False))
        await reader.read()

    ears = Ears()
    async with tcp_peer(flood) as url:
        await make_picows_client(upstream_frame_bytes=100_000).connect(target(url), ears, input_bytes_per_s=RATE)
        closed = await ears.end()
    assert closed == Closed(1009, "a message of more than 100000 bytes", "transport")


async def test_a_frame_of_exactly_the_limit_is_heard(make_client: MakeClient) -> None:
    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        writer.write(frame(2, bytes(100_000)))
        await until_close(reader, writer)

    ears = Ears()
    async with tcp_peer(send) as url:
        connection = await make_client(upstream_frame_bytes=100_000).connect(target(url), ears, input_bytes_per_s=RATE)
        await ears.until(lambda ears: ears.heard == [bytes(100_000)])
        await connection.close()
