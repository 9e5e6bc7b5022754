"""Every command that the OpenAPI document shows runs, as it stands, against a real daemon with the embedded engine."""

from pathlib import Path

import pytest

from agentd.http.openapi import command
from agentd.http.routes import ROUTES
from agentd.http.table import Route
from tests.support.daemon import daemon_process
from tests.support.shell import Shell

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.slow]

FIRST = ["POST /v1/sessions", "POST /v1/sessions/{id}/messages"]
"""A session, and a turn of it, which the other examples look at."""
LAST = ["DELETE /v1/sessions/{id}", "POST /v1/admin/reload", "POST /v1/admin/drain", "POST /v1/admin/undrain"]
ELSEWHERE = {
    "POST /v1/sessions/{id}/ask",
    "GET /v1/sessions/{id}/calls/{call_id}",
    "POST /v1/sessions/{id}/calls/{call_id}",
    "POST /v1/confirmations",
}
"""One needs somebody who answers (the page on steering, which is run too, has one), the others a call that waits."""
PROGRAMS = {"curl", "arecord"}
"""The rest is a browser, which not every machine has."""


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


def in_order() -> list[Route]:
    rows = {label(route): route for route in ROUTES if command(route).split()[0] in PROGRAMS and label(route) not in ELSEWHERE}
    ends = [name for name in (*FIRST, *LAST) if name in rows]
    middle = [name for name in rows if name not in ends]
    return [rows[name] for name in (*FIRST, *middle, *(name for name in LAST if name in rows))]


def test_only_browsers_are_left_out() -> None:
    assert {command(route).split()[0] for route in ROUTES} - PROGRAMS == {"xdg-open"}


def test_no_command_puts_a_token_into_the_arguments_of_a_process() -> None:
    assert not [command(route) for route in ROUTES if "S/token" in command(route) or "Authorization" in command(route)]


AGENTS = """
default_agent = "home"
[agents.home]
hand_over = ["notes"]
[agents.notes]
prompt = "You take notes."
hand_over = ["home"]
"""


async def test_every_command_of_the_document_runs(tmp_path: Path) -> None:
    async with daemon_process(tmp_path, AGENTS) as daemon:
        shell = Shell(daemon, tmp_path)
        await shell.run("agentd token --scope confirm --name telephone --out confirm.key")
        await shell.run('printf "Authorization: Bearer %s" "$(cat confirm.key)" > $S/confirm')
        for route in in_order():
            await shell.run(command(route))
        assert (shell.home / "reply.wav").read_bytes().startswith(b"RIFF")
