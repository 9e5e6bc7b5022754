"""The engine alone, reached under a name that only its configuration knows."""

from pathlib import Path

import aiohttp
import pytest

from tests.support.engine_process import engine_process

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]


async def test_names_in_the_configuration_are_answered_to_and_others_are_told_where_to_add_theirs(tmp_path: Path) -> None:
    script = tmp_path / "script.yaml"
    script.write_text("default: {say: hello}\n", encoding="utf-8")
    environment = {"AGENTD_ENGINE__ALLOWED_HOSTS": '["Voice.lan:8691"]'}
    async with (
        engine_process(tmp_path, "--script", str(script), environment=environment) as engine,
        aiohttp.ClientSession() as http,
    ):
        answers = []
        for host in ("voice.lan:8691", "VOICE.lan:8691", "evil.example"):
            async with http.get(engine.url.replace("ws", "http", 1) + "/healthz", headers={"Host": host}) as response:
                answers.append((response.status, response.headers.get("dg-error", "")))
    assert [status for status, _ in answers] == [200, 200, 403]
    assert "[engine] allowed_hosts" in answers[2][1]
