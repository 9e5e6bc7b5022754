"""Every way a handshake can fail, and what is told about it."""

import asyncio
import gc
import json
import logging
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

from agentd.errors import (
    UpstreamAuth,
    UpstreamBusy,
    UpstreamError,
    UpstreamPayment,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from agentd.supervise import Nursery
from tests.e2e.upstream.conftest import MakeClient
from tests.e2e.upstream.peers import KEY, RATE, Ears, accept_upgrade, answering, target, tcp_peer, until_close, websocket_peer


async def nobody(connection: ServerConnection) -> None:
    await connection.wait_closed()


def refusal(status: int, **headers: str) -> object:
    def refuse(_: ServerConnection, __: Request) -> Response:
        body = json.dumps({"err_code": "CODE", "err_msg": "told in the body", "request_id": "r-body"}).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return Response(status, "No", Headers({"Content-Length": str(len(body)), "Connection": "close", **named}), body)

    return refuse


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, UpstreamAuth),
        (403, UpstreamAuth),
        (402, UpstreamPayment),
        (404, UpstreamRefused),
        (429, UpstreamBusy),
        (500, UpstreamUnreachable),
        (503, UpstreamBusy),
        (520, UpstreamUnreachable),
    ],
)
async def test_a_refused_handshake_tells_status_reason_and_request_id(
    make_client: MakeClient, status: int, kind: type[UpstreamError]
) -> None:
    ears = Ears()
    headers = {"dg_error": "told in a header", "dg_request_id": "r-head", "Retry_After": "7"}
    async with websocket_peer(nobody, process_request=refusal(status, **headers)) as url:
        with pytest.raises(kind) as caught:
            await make_client().connect(target(url), ears, input_bytes_per_s=RATE)
    assert caught.value.extra["upstream_status"] == status
    if status in set(HTTPStatus):
        assert caught.value.extra["upstream_error"] == "told in a header"
        assert caught.value.extra["upstream_request_id"] == "r-head"
    if status in {429, 503}:
        assert caught.value.retry_after_s == 7
    assert (ears.heard, ears.closed) == ([], [])


async def test_without_headers_reason_and_request_id_come_from_the_body(make_picows_client: MakeClient) -> None:
    async with websocket_peer(nobody, process_request=refusal(429)) as url:
        with pytest.raises(UpstreamBusy) as caught:
            await make_picows_client().connect(target(url), Ears(), input_bytes_per_s=RATE)
    assert caught.value.extra == {
        "upstream_status": 429,
        "upstream_error": "CODE: told in the body",
        "upstream_request_id": "r-body",
    }
    assert caught.value.retry_after_s == 5


async def test_a_redirect_is_not_followed_because_the_request_carries_the_key(make_picows_client: MakeClient) -> None:
    reached: list[str] = []

    async def elsewhere(connection: ServerConnection) -> None:
        reached.append("elsewhere")
        await connection.wait_closed()

    async with (
        websocket_peer(elsewhere) as there,
        websocket_peer(nobody, process_request=refusal(302, Location=f"{there}/v1/agent/converse")) as url,
    ):
        with pytest.raises(UpstreamRefused, match="redirects are not followed"):
            await make_picows_client().connect(target(url), Ears(), input_bytes_per_s=RATE)
    assert reached == []


@pytest.mark.parametrize(
    ("head", "kind", "told"),
    [
        (b"", UpstreamUnreachable, "during the handshake"),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", UpstreamRefused, "does not answer as a WebSocket server"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", UpstreamRefused, "answered 200"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: no\r\n\r\n",
            UpstreamRefused,
            "does not answer as a WebSocket server",
        ),
        (b"HTTP/1.1 200 OK\r\n" + b"x: " + b"y" * 100_000, UpstreamRefused, "answered 200"),
    ],
    ids=["hangs up", "another protocol", "plain HTTP", "wrong accept key", "endless head"],
)
async def test_what_is_no_websocket_server_is_told_as_that(
    make_picows_client: MakeClient, head: bytes, kind: type[UpstreamError], told: str
) -> None:
    async with tcp_peer(answering(head)) as url:
        with pytest.raises(kind, match=told):
            await make_picows_client().connect(target(url), Ears(), input_bytes_per_s=RATE)


async def test_a_closed_port_is_unreachable(make_client: MakeClient) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: nobody else gets the port meanwhile
        url = f"ws://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UpstreamUnreachable, match=url):
            await make_client().connect(target(url), Ears(), input_bytes_per_s=RATE)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a" * 70 + ".invalid"])
async def test_a_name_that_does_not_resolve_is_unreachable(make_client: MakeClient, host: str) -> None:
    with pytest.raises(UpstreamUnreachable, match="cannot be reached"):
        await make_client().connect(target(f"ws://{host}"), Ears(), input_bytes_per_s=RATE)


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def test_a_handshake_that_hangs_fails_at_the_limit(make_client: MakeClient) -> None:
    loop = asyncio.get_running_loop()
    async with tcp_peer(silent) as url:
        begun = loop.time()
        with pytest.raises(UpstreamTimeout, match="did not complete the handshake in time"):
            await make_client(upstream_connect_s=0.3).connect(target(url), Ears(), input_bytes_per_s=RATE)
        assert loop.time() - begun < 8


@pytest.fixture
async def hangup() -> AsyncIterator[tuple[str, asyncio.Event, asyncio.Event]]:
    """A peer that takes a request and never answers: its URL, when the request came, when the client let go."""
    came, gone = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        came.set()
        await reader.read()
        gone.set()

    async with tcp_peer(hold) as url:
        yield url, came, gone


async def test_a_cancelled_connect_lets_go_of_its_socket_at_once(
    make_client: MakeClient, hangup: tuple[str, asyncio.Event, asyncio.Event]
) -> None:
    url, came, gone = hangup
    ears = Ears()
    connecting = Nursery().start(make_client().connect(target(url), ears, input_bytes_per_s=RATE), name="connect")
    async with asyncio.timeout(30):
        await came.wait()
        connecting.cancel()
        await asyncio.wait({connecting})
        await gone.wait()
    assert connecting.cancelled()
    assert ears.closed == []


async def test_the_key_is_in_no_error_and_in_no_log(
    make_picows_client: MakeClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(1)
    logging.getLogger("picows").setLevel(1)
    errors = []
    client = make_picows_client(upstream_connect_s=0.2)
    for status in (401, 429, 500):
        async with websocket_peer(nobody, process_request=refusal(status)) as url:
            with pytest.raises(UpstreamError) as caught:
                await client.connect(target(url), Ears(), input_bytes_per_s=RATE)
            errors.append(caught.value)
    for peer in (silent, answering(b"")):
        async with tcp_peer(peer) as url:
            with pytest.raises(UpstreamError) as caught:
                await client.connect(target(url), Ears(), input_bytes_per_s=RATE)
            errors.append(caught.value)
    told = "".join(f"{error!r} {error.detail} {error.extra} {error.__cause__!r}" for error in errors)
    ours = [record for record in caplog.records if not record.name.startswith("websockets")]  # the peer's log has what it got
    assert KEY not in told + repr(target("ws://x")) + "".join(record.getMessage() for record in ours)
    assert KEY not in "".join(capsys.readouterr())


async def test_connecting_and_failing_many_times_leaves_no_descriptor_and_no_task(make_client: MakeClient) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept_upgrade(reader, writer)
        await until_close(reader, writer)

    client = make_client()

    async def rounds(n: int) -> None:
        async with tcp_peer(accept) as good, tcp_peer(answering(b"HTTP/1.1 503 No\r\n\r\n")) as bad:
            for _ in range(n):
                connection = await client.connect(target(good), Ears(), input_bytes_per_s=RATE)
                await connection.close()
                with pytest.raises(UpstreamBusy):
                    await client.connect(target(bad), Ears(), input_bytes_per_s=RATE)

    def counts() -> tuple[int, int]:
        gc.collect()
        return len(list(Path("/proc/self/fd").iterdir())), len(asyncio.all_tasks())

    await rounds(3)
    descriptors, tasks = counts()
    await rounds(30)
    after = counts()
    assert after[0] <= descriptors  # fewer where something of another test was given back meanwhile
    assert after[1] == tasks
