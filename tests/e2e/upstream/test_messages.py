"""What passes over an open connection, by both sockets."""

import asyncio

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from agentd.upstream.connection import Closed
from tests.e2e.upstream.conftest import MakeClient
from tests.e2e.upstream.peers import (
    KEY,
    RATE,
    Ears,
    accept_upgrade,
    frame,
    read_frame,
    target,
    tcp_peer,
    until_close,
    websocket_peer,
)


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def test_text_and_audio_arrive_as_what_they_were_sent(make_client: MakeClient) -> None:
    ears = Ears()
    async with websocket_peer(echo) as url:
        connection = await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
        connection.send_text('{"type":"Settings","text":"grüße"}'.encode())
        connection.send_audio(b'{"type":"audio that looks like text"}')
        connection.send_audio(b"")
        connection.send_text(b"not json at all")
        await ears.until(lambda ears: len(ears.heard) == 4)
        await connection.close()
    assert ears.heard == [
        '{"type":"Settings","text":"grüße"}',
        b'{"type":"audio that looks like text"}',
        b"",
        "not json at all",
    ]
    assert connection.bytes_in == connection.bytes_out == 36 + 37 + 15
    assert ears.closed == [Closed(1000, "", "local")]


async def test_the_handshake_is_the_sdks_and_offers_no_compression_over_our_socket(make_client: MakeClient) -> None:
    seen: dict[str, str] = {}

    async def look(connection: ServerConnection) -> None:
        assert connection.request is not None
        seen.update({name.lower(): value for name, value in connection.request.headers.raw_items()})
        seen["path"] = connection.request.path
        await connection.wait_closed()

    async with websocket_peer(look) as url:
        client = make_client()
        connection = await client.connect(target(url), Ears(), input_bytes_per_s=RATE)
        await connection.close()
    assert seen["path"] == "/v1/agent/converse"
    assert seen["authorization"] == f"Token {KEY}"
    assert seen["user-agent"].startswith("deepgram-sdk/")
    assert ("sec-websocket-extensions" in seen) is (client._transport == "sdk")


async def test_the_request_id_of_the_handshake_is_kept(make_client: MakeClient) -> None:
    def name(_: object, __: object, response: object) -> None:
        response.headers["dg-request-id"] = "r-17"  # type: ignore[attr-defined]

    async with websocket_peer(echo, process_response=name) as url:
        connection = await make_client().connect(target(url), Ears(), input_bytes_per_s=RATE)
        await connection.close()
    assert connection.request_id == "r-17"


async def test_a_frame_of_three_megabytes_arrives_whole(make_client: MakeClient) -> None:
    audio, text = bytes(range(256)) * 12_288, "x" * 3_145_728

    async def send(connection: ServerConnection) -> None:
        await connection.send(audio)
        await connection.send(text)
        await connection.wait_closed()

    ears = Ears()
    async with websocket_peer(send) as url:
        connection = await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
        await ears.until(lambda ears: len(ears.heard) == 2, within_s=20)
        await connection.close()
    assert ears.heard == [audio, text]


async def test_a_message_in_fragments_is_joined_also_around_a_ping(make_client: MakeClient) -> None:
    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        writer.write(
            frame(1, b'{"type":', fin=False) + frame(9, b"still there?") + frame(0, b'"We', fin=False) + frame(0, b'lcome"}')
        )
        writer.write(frame(2, b"", fin=False) + frame(0, b"\1\2") + frame(2, b"\3\4"))
        await writer.drain()
        assert await read_frame(reader) == (10, b"still there?")
        await until_close(reader, writer)

    ears = Ears()
    async with tcp_peer(send) as url:
        connection = await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
        await ears.until(lambda ears: len(ears.heard) == 3)
        await connection.close()
    assert ears.heard == ['{"type":"Welcome"}', b"\1\2", b"\3\4"]


async def test_a_welcome_in_one_packet_with_the_handshake_is_not_lost(make_client: MakeClient) -> None:
    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer, and_send=frame(1, b"first"))
        await until_close(reader, writer)

    ears = Ears()
    async with tcp_peer(send) as url:
        connection = await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
        await ears.until(lambda ears: ears.heard == ["first"])
        await connection.close()


async def test_a_fault_in_the_listener_costs_no_connection(make_client: MakeClient) -> None:
    class Faulty(Ears):
        def on_text(self, frame: bytes) -> None:
            super().on_text(frame)
            raise ValueError("a fault of the listener")

    ears = Faulty()
    async with websocket_peer(echo) as url:
        connection = await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
        for text in (b"[1]", b"two", b"three"):
            connection.send_text(text)
        connection.send_audio(b"audio")
        await ears.until(lambda ears: len(ears.heard) == 4)
        assert not connection.closed
        assert connection.callback_errors == 3
        await connection.close()
    assert len(ears.closed) == 1


@pytest.mark.parametrize(
    ("code", "reason"), [(1000, ""), (1001, "going away"), (1008, "DATA-0000"), (1011, "NET-0001"), (4001, "grüße")]
)
async def test_the_peers_close_is_told_with_its_code_and_reason(make_client: MakeClient, code: int, reason: str) -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.close(code, reason)

    ears = Ears()
    async with websocket_peer(leave) as url:
        connection = await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
        assert await ears.end() == Closed(code, reason, "peer")
        await connection.close()
    assert len(ears.closed) == 1


async def test_the_close_code_given_reaches_the_peer(make_client: MakeClient) -> None:
    got: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def wait(connection: ServerConnection) -> None:
        try:
            async for _ in connection:
                pass
        except ConnectionClosed:
            pass
        got.set_result(connection.close_code)

    async with websocket_peer(wait) as url:
        connection = await make_client().connect(target(url), Ears(), input_bytes_per_s=RATE)
        await connection.close(1001)
        async with asyncio.timeout(30):
            assert await got == 1001


async def test_a_broken_connection_is_told_once_and_without_a_code(make_client: MakeClient) -> None:
    async def drop(connection: ServerConnection) -> None:
        await connection.recv()
        connection.transport.abort()

    ears = Ears()
    async with websocket_peer(drop) as url:
        connection = await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
        connection.send_text(b"go")
        closed = await ears.end()
        await connection.close()
    assert (closed.code, closed.cause) == (None, "transport")
    assert len(ears.closed) == 1


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(frame(3, b"x"), id="unknown opcode"),
        pytest.param(frame(9, b"x", fin=False), id="fragmented ping"),
        pytest.param(frame(0, b"x"), id="continuation of nothing"),
        pytest.param(frame(1, b"x", fin=False) + frame(2, b"y"), id="message inside another"),
        pytest.param(b"\x82\x81\0\0\0\0x", id="masked by the server"),
    ],
)
async def test_a_peer_that_breaks_the_protocol_is_left(make_picows_client: MakeClient, bad: bytes) -> None:
    async def send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        writer.write(frame(1, b"ok") + bad)
        await writer.drain()
        await reader.read()

    ears = Ears()
    async with tcp_peer(send) as url:
        await make_picows_client().connect(target(url), ears, input_bytes_per_s=RATE)
        closed = await ears.end(within_s=2)
    assert (closed.code, closed.cause) == (1002, "transport")
