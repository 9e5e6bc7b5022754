"""wss with an authority of one's own, and HTTP proxies."""

import asyncio
import base64
import ssl

import pytest
from websockets.asyncio.server import ServerConnection

from agentd.config import LimitSettings
from agentd.errors import UpstreamRefused, UpstreamTimeout, UpstreamUnreachable
from agentd.upstream.deepgram import UpstreamClient
from tests.e2e.upstream.conftest import MakeClient
from tests.e2e.upstream.peers import RATE, Authority, Ears, connect_proxy, target, websocket_peer


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(message)


async def talk(make_client: MakeClient, url: str, proxy: str | None = None) -> None:
    """One exchange of text and audio over a fresh connection."""
    ears = Ears()
    connection = await make_client().connect(target(url, proxy=proxy), ears, input_bytes_per_s=RATE)
    connection.send_text(b"{}")
    connection.send_audio(bytes(48_000))
    await ears.until(lambda ears: ears.heard == ["{}", bytes(48_000)])
    await connection.close()
    assert [closed.cause for closed in ears.closed] == ["local"]


async def test_an_authority_named_in_ssl_cert_file_is_trusted(
    make_client: MakeClient, tls: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    async with websocket_peer(echo, tls=tls.server) as url:
        await talk(make_client, url)


async def test_an_unknown_authority_is_refused_with_what_to_do(make_client: MakeClient, tls: Authority) -> None:
    async with websocket_peer(echo, tls=tls.server) as url:
        with pytest.raises(UpstreamRefused, match="SSL_CERT_FILE"):
            await make_client().connect(target(url), Ears(), input_bytes_per_s=RATE)


async def test_a_certificate_for_another_name_is_refused(
    make_picows_client: MakeClient, tls: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    async with websocket_peer(echo, tls=tls.server) as url:
        with pytest.raises(UpstreamRefused, match="not trusted"):
            await make_picows_client().connect(target(url.replace("127.0.0.1", "localhost")), Ears(), input_bytes_per_s=RATE)


async def test_wss_to_a_plain_server_is_unreachable_and_says_why(make_picows_client: MakeClient) -> None:
    async with websocket_peer(echo) as url:
        with pytest.raises(UpstreamUnreachable, match="cannot be reached"):
            await make_picows_client().connect(target(url.replace("ws:", "wss:")), Ears(), input_bytes_per_s=RATE)


async def test_the_authorities_are_read_once_and_not_for_each_connection(
    make_picows_client: MakeClient, tls: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    client = make_picows_client()
    read: list[str] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda *_: read.append("default"))
    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", lambda *_, **__: read.append("file"))
    async with websocket_peer(echo, tls=tls.server) as url:
        for _ in range(3):
            connection = await client.connect(target(url), Ears(), input_bytes_per_s=RATE)
            await connection.close()
    assert read == []


@pytest.mark.parametrize("secure", [False, True], ids=["ws", "wss"])
async def test_a_proxy_is_asked_for_a_tunnel_and_gives_its_password(
    make_picows_client: MakeClient, secure: bool, tls: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tls.certificate))
    async with websocket_peer(echo, tls=tls.server if secure else None) as url, connect_proxy() as proxy:
        await talk(make_picows_client, url, proxy.url.replace("//", "//ann:s%40cret@"))
    assert len(proxy.requests) == 1
    assert proxy.requests[0].startswith(b"CONNECT " + url.split("//")[1].encode() + b" ")
    assert base64.b64encode(b"ann:s@cret") in proxy.requests[0]
    assert b"Authorization: Token" not in proxy.requests[0]


async def test_a_proxy_from_the_environment_is_not_used(make_client: MakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async with websocket_peer(echo) as url, connect_proxy() as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        await talk(make_client, url)
    assert proxy.requests == []


async def test_a_proxy_that_refuses_is_named_without_its_password(make_picows_client: MakeClient) -> None:
    answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
    async with websocket_peer(echo) as url, connect_proxy(answer) as proxy:
        through = target(url, proxy=proxy.url.replace("//", "//ann:s3cret@"))
        with pytest.raises(UpstreamUnreachable, match="407") as caught:
            await make_picows_client().connect(through, Ears(), input_bytes_per_s=RATE)
    assert proxy.url in caught.value.detail
    assert "s3cret" not in repr(caught.value) + repr(caught.value.__cause__) + str(caught.value.extra)


async def test_a_proxy_that_stays_silent_costs_the_connect_limit_and_no_more(make_picows_client: MakeClient) -> None:
    loop = asyncio.get_running_loop()
    async with websocket_peer(echo) as url, connect_proxy(b"") as proxy:
        client = make_picows_client(upstream_connect_s=0.3)
        begun = loop.time()
        with pytest.raises(UpstreamTimeout, match="through the proxy"):
            await client.connect(target(url, proxy=proxy.url), Ears(), input_bytes_per_s=RATE)
        assert loop.time() - begun < 8


async def test_the_sdks_own_socket_refuses_a_proxy_instead_of_passing_it_by() -> None:
    client = UpstreamClient(limits=LimitSettings(), transport="sdk")
    with pytest.raises(UpstreamRefused, match="transport"):
        await client.connect(target("ws://127.0.0.1:1", proxy="http://127.0.0.1:1"), Ears(), input_bytes_per_s=RATE)
    await client.close()
