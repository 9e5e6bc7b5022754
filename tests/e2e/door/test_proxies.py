"""A real daemon behind a reverse proxy: what the proxy says counts, for the Origin, the throttle and the log."""

from pathlib import Path

import pytest

from tests.e2e.door.conftest import Wire
from tests.support.daemon import daemon_process

pytestmark = pytest.mark.e2e

CONFIG = "[engine]\nmode = 'never'\n[deepgram]\napi_key = 'a-key-nobody-uses'\n[limits]\nauth_failures_per_minute = 2\n"
PUBLIC = {"AGENTD_SERVER__PUBLIC_URL": "https://voice.example.org", "AGENTD_SERVER__TRUSTED_PROXIES": "127.0.0.1"}


async def test_the_proxy_speaks_for_its_clients(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, CONFIG, environment=PUBLIC) as daemon:
        wire = Wire(daemon, int(daemon.url.rpartition(":")[2]))

        async def ask(*headers: str, host: str = "voice.example.org", token: str = "") -> int | None:
            return (await wire.send(wire.head("GET /v1/sessions", *headers, host=host, token=token))).status

        page = "Origin: https://voice.example.org"
        assert await ask("X-Forwarded-Proto: https", page, "Sec-Fetch-Site: same-origin") == 200
        assert await ask(page) == 200  # the public URL's own page, whatever the proxy forgot to say
        assert await ask("X-Forwarded-Proto: https", "Origin: https://evil.example") == 403
        assert await ask("X-Forwarded-Host: voice.example.org", host="evil.example") == 403
        near, far = "X-Forwarded-For: 203.0.113.7", "X-Forwarded-For: 203.0.113.7, 198.51.100.1"
        assert [await ask(near, token="wrong") for _ in range(3)] == [401, 401, 429]
        assert [await ask(far, token="wrong") for _ in range(3)] == [401, 401, 429]
        assert await ask(near) == 200
        assert '"peer": "203.0.113.7"' in wire.log()
        assert '"peer": "198.51.100.1"' in wire.log()
