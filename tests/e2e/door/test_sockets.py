"""The sockets of a real daemon: TLS with a certificate that is renewed, the Unix socket beside it, few file descriptors."""

import asyncio
import resource
import signal
import socket
import ssl
import warnings
from contextlib import ExitStack, suppress
from pathlib import Path

import aiohttp
import pytest

from tests.support.certificates import certificate_for
from tests.support.daemon import daemon_process

NO_UPSTREAM = "[engine]\nmode = 'never'\n[deepgram]\napi_key = 'a-key-nobody-uses'\n"


def variables(**server: object) -> dict[str, str]:
    """``[server]`` keys as environment variables."""
    return {f"AGENTD_SERVER__{key.upper()}": str(value) for key, value in server.items()}


async def test_tls_is_spoken_from_1_2_on_and_a_renewed_certificate_is_taken_up(tmp_path: Path) -> None:
    certificate = certificate_for(["localhost"], tmp_path)
    key, chain = tmp_path / "server.key", tmp_path / "server.pem"
    unix = tmp_path / "agentd.sock"
    set_up = variables(tls_cert=chain, tls_key=key, unix_socket=unix)
    async with daemon_process(tmp_path, NO_UPSTREAM, environment=set_up) as daemon:
        assert daemon.url.startswith("https://127.0.0.1:")
        port = int(daemon.url.rpartition(":")[2])
        trusting = ssl.create_default_context(cafile=certificate.authority)
        auth = {"Authorization": f"Bearer {daemon.token}"}
        async with daemon.http.get(f"https://localhost:{port}/v1/sessions", headers=auth, ssl=trusting) as response:
            assert response.status == 200
            assert "Strict-Transport-Security" not in response.headers  # it would bind every port of the host
        own = {"Origin": f"https://localhost:{port}"}
        async with daemon.http.get(f"https://localhost:{port}/healthz", headers=own, ssl=trusting) as response:
            assert response.status == 200
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await _certificate(port, newest=ssl.TLSVersion.TLSv1_1)
        with pytest.raises(aiohttp.ClientError):
            await daemon.http.get(f"http://localhost:{port}/healthz")
        async with (
            aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(unix))) as local,
            local.get("http://localhost/v1/sessions", headers=auth) as response,
        ):
            assert response.status == 200
        before = await _certificate(port)
        certificate_for(["localhost"], tmp_path)
        daemon.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(30):
            while await _certificate(port) == before:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)
        chain.write_text("no certificate\n")
        daemon.process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(30):
            while "certificate_not_loaded" not in (tmp_path / "log.jsonl").read_text():  # noqa: ASYNC110 - its log
                await asyncio.sleep(0.05)
        assert await _certificate(port) != before
        assert await daemon.stop() == 0
        assert not unix.exists()


async def _certificate(port: int, newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> bytes:
    """What the daemon shows on a new connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # old versions are what this is about
        context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, newest
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return bytes(shown)


async def test_with_few_descriptors_control_goes_on_under_five_hundred_connections(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with daemon_process(tmp_path, NO_UPSTREAM, descriptors=128) as daemon:
        port = int(daemon.url.rpartition(":")[2])
        assert before == resource.getrlimit(resource.RLIMIT_NOFILE)
        statuses: list[int] = []
        with ExitStack() as silent:
            for n in range(500):
                one = silent.enter_context(socket.socket())
                one.setblocking(False)
                with suppress(BlockingIOError):
                    one.connect(("127.0.0.1", port))
                if n % 50 == 49:
                    async with aiohttp.ClientSession() as http:
                        auth = {"Authorization": f"Bearer {daemon.token}"}
                        async with http.get(f"{daemon.url}/v1/sessions", headers=auth) as response:
                            statuses.append(response.status)
        assert statuses == [200] * 10
        assert len((tmp_path / "log.jsonl").read_bytes()) < 10_240
