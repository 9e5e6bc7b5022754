"""What people type into curl without thinking, at every route of a real daemon: it does what they mean, or says how."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio

from agentd.http.routes import ROUTES
from agentd.http.table import PATH_PARAMETERS, Media, Route
from tests.support import contract
from tests.support.command_line import agentd
from tests.support.daemon import DaemonProcess, daemon_process

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

AT_ONCE = 6
STREAMS = ("/events", "/audio")


@dataclass(frozen=True, slots=True)
class Said:
    """What curl got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def detail(self) -> str:
        """Of a problem; empty for other answers."""
        if self.headers.get("content-type", "").startswith("application/problem+json"):
            return str(json.loads(self.body)["detail"])
        return ""


@dataclass(frozen=True, slots=True)
class Curl:
    """The real curl with the daemon's header file, or with that of somebody who confirms calls (``confirm``)."""

    daemon: DaemonProcess
    places: asyncio.Semaphore

    async def __call__(self, *arguments: str, path: str, given: bytes = b"", auth: str = "auth") -> Said:
        """One request; what may be a stream is cut after two seconds, the rest has its time."""
        seconds = "2" if path.rstrip("/").endswith(STREAMS) else "60"
        command = ["curl", "-sS", "-i", "--max-time", seconds, "-H", f"@{self.daemon.state_dir}/{auth}", *arguments]
        async with self.places:
            process = await asyncio.create_subprocess_exec(
                *command, self.daemon.url + path,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
            out, errors = await process.communicate(given)
        while out.startswith(b"HTTP/1.1 100"):
            out = out.partition(b"\r\n\r\n")[2]
        head, _, body = out.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        assert lines[0].startswith("HTTP/1.1 "), f"{command}: {errors.decode()}"
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        return Said(int(lines[0].split()[1]), headers, body)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def curl(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Curl]:
    config = "[limits]\nconnections_per_token = 100\nstarts_per_minute = 10000\n"
    folder = tmp_path_factory.mktemp("habits")
    async with daemon_process(folder, config) as daemon:
        made = await agentd("token", "--scope", "confirm", "--state-dir", daemon.state_dir, cwd=folder)
        (daemon.state_dir / "confirm").write_text(f"Authorization: Bearer {made.out.strip()}\n", encoding="ascii")
        yield Curl(daemon, asyncio.Semaphore(AT_ONCE))


def path_of(route: Route) -> str:
    examples = {name: PATH_PARAMETERS[name].example for name in route.placeholders}
    return route.path.format_map(examples | dict(route.example.path if route.example else {}))


def label(route: Route) -> str:
    return f"{route.method} {route.path}"


def check(route: Route, said: Said) -> None:
    """No answer that the document does not have, and no failure of the daemon's own."""
    assert said.status < 500 or route.path == "/readyz", (label(route), said)
    if said.headers.get("content-type") != "text/event-stream":
        headers = {"Content-Type": said.headers.get("content-type", "")}
        contract.check(route.method, path_of(route), said.status, headers, said.body)


async def each(curl: Curl, routes: list[Route], *arguments: str, given: bytes = b"") -> list[tuple[Route, Said]]:
    """The same habit at each of these routes, with a live session, each answer as the document has it."""
    await curl("-X", "PUT", path="/v1/sessions/kitchen")
    said = await asyncio.gather(
        *(
            curl("-X", route.method, *arguments, path=path_of(route), given=given, auth=auth_for(route))
            for route in routes
            if not ends(route)
        )
    )
    pairs = list(zip([route for route in routes if not ends(route)], said, strict=True))
    for route, answer in pairs:
        check(route, answer)
    return pairs


def auth_for(route: Route) -> str:
    """The header file of who may use the route."""
    return "confirm" if route.scope == "confirm" else "auth"


def ends(route: Route) -> bool:
    """What would take the session, or the daemon's service, away from the others."""
    return route.method == "DELETE" or route.path.startswith("/v1/admin/")


WRITES = [route for route in ROUTES if route.method in ("POST", "PUT", "PATCH")]
JSON = [route for route in WRITES if route.bodies and not any(isinstance(body, Media) for body in route.bodies)]


async def test_a_method_and_nothing_else_works_or_says_what_is_missing(curl: Curl) -> None:
    for route, said in await each(curl, WRITES):
        assert said.status < 400 or said.detail, (label(route), said)
        if route.body_required:
            assert said.status in (400, 409, 422), (label(route), said)


async def test_an_empty_json_body_is_no_body(curl: Curl) -> None:
    empty = {label(route): said.status for route, said in await each(curl, WRITES, "--json", "")}
    assert empty == {label(route): said.status for route, said in await each(curl, WRITES)}


async def test_data_without_a_type_is_told_the_flag_to_add(curl: Curl) -> None:
    for route, said in await each(curl, JSON, "-d", '{"prompt": "Be brief."}'):
        assert said.status == 415, (label(route), said)
        assert "--json" in said.detail
        assert "application/x-www-form-urlencoded" in said.detail


async def test_a_body_from_a_pipe_is_told_the_flag_to_add(curl: Curl) -> None:
    for route, said in await each(curl, JSON, "-T", "-", given=b'{"prompt": "Be brief."}'):
        assert said.status == 415, (label(route), said)
        assert "Content-Type: application/json" in said.detail


async def test_a_body_from_a_pipe_with_its_type_is_read_to_its_end(curl: Curl) -> None:
    await curl("-X", "PUT", path="/v1/sessions/kitchen")
    typed = ("-H", "Content-Type: application/json", "-T", "-")
    said = await curl(*typed, path="/v1/sessions/kitchen/prompt", given=b'{"prompt": "Be brief."}')
    assert (said.status, json.loads(said.body)["state"]) == (200, "applied")
    shown = await curl(path="/v1/sessions/kitchen/prompt")
    assert json.loads(shown.body) == {"prompt": "Be brief."}


async def test_a_slash_too_many_is_told(curl: Curl) -> None:
    said = await asyncio.gather(*(curl("-X", route.method, path=path_of(route) + "/") for route in ROUTES if not ends(route)))
    for route, answer in zip([route for route in ROUTES if not ends(route)], said, strict=True):
        if answer.status == 308:
            assert answer.headers["location"], label(route)
        else:
            assert answer.status == 404, (label(route), answer)
            assert path_of(route) in answer.detail


async def test_head_answers_as_get_does_without_the_body(curl: Curl) -> None:
    await curl("-X", "PUT", path="/v1/sessions/kitchen")
    for route in [route for route in ROUTES if route.method == "GET"]:
        said = await curl("-I", path=path_of(route))
        assert said.body == b"", label(route)
        if route.stream:
            assert said.status == 405, label(route)
            assert "GET" in said.headers["allow"]
        else:
            shown = await curl(path=path_of(route))
            assert (said.status, said.headers["content-type"]) == (shown.status, shown.headers["content-type"]), label(route)


async def test_options_names_the_methods_of_a_path(curl: Curl) -> None:
    methods: dict[str, set[str]] = {}
    for route in ROUTES:
        methods.setdefault(path_of(route), set()).add(route.method)
    for path, wanted in methods.items():
        said = await curl("-X", "OPTIONS", path=path)
        assert (said.status, said.body) == (204, b""), path
        assert wanted | {"OPTIONS"} <= set(said.headers["allow"].split(",")), path
        assert not [name for name in said.headers if name.startswith("access-control-")]


async def test_a_method_that_a_path_does_not_take_is_told_those_it_takes(curl: Curl) -> None:
    for method in ("DELETE", "PATCH", "TRACE", "PROPFIND"):
        said = await curl("-X", method, path="/v1/sessions")
        assert said.status == 405
        assert "GET, HEAD, POST" in said.detail
