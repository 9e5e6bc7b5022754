import asyncio
from dataclasses import dataclass, field

import pytest

from agentd.config import LimitSettings
from agentd.upstream import connection as module
from agentd.upstream.connection import Closed, Connection

RATE = 1000
"""Bytes of audio per second; with the default queue of two seconds, 2000 bytes may wait."""


@dataclass
class FakeWire:
    """Takes ``room`` messages, then pauses its connection, as a socket with a full buffer does."""

    connection: Connection
    room: int = 1_000_000
    answers_close: bool = True
    sent: list[tuple[bytes, bool]] = field(default_factory=list)
    closes: list[int] = field(default_factory=list)
    aborts: int = 0

    def write(self, data: bytes, *, text: bool) -> None:
        assert self.room > 0, "written to while paused"
        self.sent.append((data, text))
        self.room -= 1
        if self.room == 0:
            self.connection.wire_paused()

    def ping(self) -> None: ...

    def start_close(self, code: int) -> None:
        self.closes.append(code)
        if self.answers_close:
            self.connection.wire_lost(code, "", "peer")

    def abort(self) -> None:
        self.aborts += 1

    def drain(self, room: int) -> None:
        self.room = room
        self.connection.wire_writable()


@dataclass
class Ears:
    texts: list[bytes] = field(default_factory=list)
    audio: list[bytes] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    fails: bool = False

    def on_text(self, frame: bytes) -> None:
        self.texts.append(frame)
        if self.fails:
            raise ValueError("a fault of the listener")

    def on_audio(self, frame: bytes | memoryview) -> None:
        self.audio.append(bytes(frame))
        if self.fails:
            raise ValueError("a fault of the listener")

    def on_closed(self, closed: Closed) -> None:
        self.closed.append(closed)
        if self.fails:
            raise ValueError("a fault of the listener")


def opened(*, room: int = 1_000_000, answers_close: bool = True) -> tuple[Connection, FakeWire, Ears]:
    ears = Ears()
    connection = Connection(ears, limits=LimitSettings(), input_bytes_per_s=RATE)
    wire = FakeWire(connection, room, answers_close)
    connection.wire_open(wire, "r-1")
    return connection, wire, ears


async def test_a_slow_upstream_costs_the_oldest_audio_and_no_text() -> None:
    connection, wire, _ = opened(room=1)
    connection.send_audio(b"0" * 100)
    for n in range(1, 31):
        connection.send_audio(bytes([n]) * 100)
    connection.send_text(b"answer")
    assert connection.dropped_bytes == 1000
    assert connection.bytes_out == 100
    wire.drain(1_000_000)
    assert [data[0] for data, text in wire.sent if not text] == [ord("0"), *range(11, 31)]
    assert wire.sent[-1] == (b"answer", True)
    assert connection.bytes_out == 100 + 2000 + 6


async def test_sending_stops_again_when_the_socket_fills_up_half_way() -> None:
    connection, wire, _ = opened(room=1)
    for n in range(6):
        connection.send_audio(bytes([n]))
    wire.drain(2)
    assert len(wire.sent) == 3
    wire.drain(10)
    assert [data for data, _ in wire.sent] == [bytes([n]) for n in range(6)]


async def test_an_upstream_that_leaves_megabytes_of_text_unread_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXT_LIMIT_BYTES", 1000)
    connection, wire, ears = opened(room=1)
    for _ in range(12):
        connection.send_text(b"x" * 100)
    assert [closed.cause for closed in ears.closed] == ["transport"]
    assert "does not read" in ears.closed[0].reason
    assert wire.aborts == 1


async def test_a_fault_of_the_listener_is_counted_and_leaves_the_connection_open() -> None:
    connection, _, ears = opened()
    ears.fails = True
    for _ in range(5):
        connection.wire_text(b"{}")
        connection.wire_audio(b"\0\0")
    assert connection.callback_errors == 10
    assert not connection.closed
    assert (len(ears.texts), len(ears.audio)) == (5, 5)
    connection.wire_lost(None, "", "transport")
    assert len(ears.closed) == 1


async def test_a_local_close_is_told_as_local_whatever_the_socket_says() -> None:
    connection, wire, ears = opened()
    await connection.close(1001)
    assert wire.closes == [1001]
    assert ears.closed == [Closed(1001, "", "local")]
    assert connection.closed


async def test_closing_twice_and_at_once_is_told_once() -> None:
    connection, wire, ears = opened()
    await asyncio.gather(connection.close(), connection.close())
    await connection.close()
    assert len(ears.closed) == 1
    assert wire.closes == [1000]


async def test_a_close_that_nobody_answers_ends_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0.05)
    connection, wire, ears = opened(answers_close=False)
    async with asyncio.timeout(2):
        await connection.close()
    assert wire.aborts == 1
    assert ears.closed == [Closed(1000, "", "local")]


async def test_a_cancelled_close_still_drops_the_socket() -> None:
    connection, wire, ears = opened(answers_close=False)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await connection.close()
    assert wire.aborts == 1
    assert len(ears.closed) == 1


async def test_nothing_is_sent_or_delivered_after_the_end() -> None:
    connection, wire, ears = opened()
    connection.wire_lost(1011, "broken", "peer")
    connection.send_text(b"{}")
    connection.send_audio(b"\0\0")
    connection.wire_text(b"{}")
    connection.wire_audio(b"\0\0")
    connection.wire_lost(None, "again", "transport")
    await connection.close()
    assert wire.sent == []
    assert (ears.texts, ears.audio) == ([], [])
    assert ears.closed == [Closed(1011, "broken", "peer")]


async def test_a_discarded_connection_tells_nobody() -> None:
    connection, wire, ears = opened()
    connection.discard()
    connection.wire_lost(None, "", "transport")
    assert wire.aborts == 1
    assert ears.closed == []
    assert connection.closed
