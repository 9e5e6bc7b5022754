"""Where the daemon listens: each socket as it was asked for, or a start that is refused with the remedy."""

import os
import resource
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.http_parser import HttpRequestParserPy

from agentd.config import ServerSettings
from agentd.door import parser
from agentd.errors import ConfigError
from agentd.http import runner as runners
from agentd.http.runner import Runner
from agentd.http.sockets import Sockets
from tests.support.certificates import certificate_for
from tests.unit.http.conftest import Api, ApiOf

Listen = Callable[..., Any]


@pytest.fixture
async def api(api_of: ApiOf) -> Api:
    return await api_of(handlers={})


@pytest.fixture
async def listen(api: Api) -> AsyncIterator[Listen]:
    """Opens sockets for the control API, as ``[server]`` keys say."""
    opened: list[Sockets] = []

    async def make(**server: object) -> Sockets:
        sockets = Sockets(ServerSettings.model_validate({"port": 0, **server}))
        assert isinstance(api.runner, Runner)
        await sockets.open(api.runner)
        opened.append(sockets)
        return sockets

    yield make
    for sockets in opened:
        sockets.close()


@pytest.mark.parametrize(
    ("what", "said"),
    [("open key", "chmod o-r"), ("another key", "cannot be used"), ("no key", "cannot be read"), ("locked key", "password")],
)
async def test_a_key_that_is_everybodys_or_fits_no_certificate_is_refused(
    listen: Listen, tmp_path: Path, what: str, said: str
) -> None:
    certificate_for(["localhost"], tmp_path)
    key = tmp_path / "server.key"
    if what == "open key":
        key.chmod(0o644)
    elif what == "another key":
        key = tmp_path / "ca.key"
    elif what == "no key":
        key.unlink()
    else:
        key = tmp_path / "locked.key"
        _lock(tmp_path / "server.key", key)
    with pytest.raises(ConfigError, match=said):
        await listen(tls_cert=tmp_path / "server.pem", tls_key=key)


def _lock(key: Path, locked: Path) -> None:
    command = ["openssl", "pkey", "-in", str(key), "-out", str(locked), "-aes256", "-passout", "pass:secret"]
    subprocess.run(command, check=True, capture_output=True)


async def test_a_unix_socket_is_for_its_group_and_asks_for_the_token_all_the_same(
    api: Api, listen: Listen, tmp_path: Path
) -> None:
    path = tmp_path / "agentd.sock"
    sockets = await listen(unix_socket=path, unix_socket_group="daemon")
    assert (path.stat().st_mode & 0o777, path.stat().st_gid) == (0o660, 1)
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(str(path))) as http:
        for host, status in (("localhost", 401), ("evil.example", 403)):
            async with http.get(f"http://{host}/v1/sessions") as response:
                assert response.status == status
        async with http.get("http://localhost/v1/sessions", headers={"Authorization": f"Bearer {api.token}"}) as response:
            assert response.status == 200
    sockets.close()
    assert not path.exists()


async def test_a_socket_left_by_a_killed_daemon_is_replaced(listen: Listen, tmp_path: Path) -> None:
    path = tmp_path / "agentd.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    await listen(unix_socket=path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))


async def test_a_socket_somebody_listens_on_and_a_file_are_left_alone(listen: Listen, tmp_path: Path) -> None:
    path, file = tmp_path / "agentd.sock", tmp_path / "important.txt"
    file.write_text("keep me")
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(ConfigError, match="Somebody listens"):
            await listen(unix_socket=path)
    with pytest.raises(ConfigError, match="in the way"):
        await listen(unix_socket=file)
    assert file.read_text() == "keep me"
    with pytest.raises(ConfigError, match="no group"):
        await listen(unix_socket=tmp_path / "new.sock", unix_socket_group="no-such-group")
    with pytest.raises(ConfigError, match="cannot be made"):
        await listen(unix_socket=tmp_path / "no" / "folder" / "agentd.sock")


async def test_a_socket_that_another_daemon_took_over_is_not_taken_away(listen: Listen, tmp_path: Path) -> None:
    path = tmp_path / "agentd.sock"
    sockets = await listen(unix_socket=path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        sockets.close()
        assert path.exists()


async def test_localhost_is_both_families_and_nobody_else_may_answer_on_the_other(listen: Listen) -> None:
    sockets = await listen(host="localhost")
    port = int(sockets.url.rpartition(":")[2])
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        with socket.socket(family) as client:
            client.connect((host, port))
        with pytest.raises(OSError, match="in use"):
            socket.create_server((host, port), family=family)


@pytest.mark.parametrize(
    ("host", "url"),
    [("127.0.0.1", "http://127.0.0.1:"), ("::1", "http://[::1]:"), ("localhost", "http://localhost:"), ("0.0.0.0", "http://127.0.0.1:")],
)  # fmt: skip
async def test_the_address_that_is_told_is_one_that_answers(listen: Listen, host: str, url: str) -> None:
    sockets = await listen(host=host, allow_plain_http=True)
    assert sockets.url.startswith(url)
    assert sockets.url.removeprefix("http://") in sockets.hosts
    assert "0.0.0.0" not in str(sockets.hosts)


async def test_python_alone_does_not_read_http(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    assert os.environ.get("AIOHTTP_NO_EXTENSIONS") is None
    monkeypatch.setattr(parser, "HttpRequestParser", HttpRequestParserPy)  # what the variable does
    with pytest.raises(ConfigError, match="AIOHTTP_NO_EXTENSIONS"):
        runners.make_runner(api.runner.app, api.deps.settings.limits)


def test_where_descriptors_are_short_connections_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, wanted, most in ((65_536, 2000, 2000), (64, 2000, runners.FEWEST)):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, soft))
        assert runners.most_connections(wanted) == most
