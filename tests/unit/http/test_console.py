"""The console's files: served whole to anybody who passes the door, and nothing beside them."""

import re
from pathlib import Path

import pytest

from agentd.http.console import files
from tests.unit.http.conftest import Api, ApiOf

FOLDER = Path(__file__).parents[3] / "agentd/console"


@pytest.fixture
async def api(api_of: ApiOf) -> Api:
    """No worker processes: nothing gets as far as a function here."""
    return await api_of(handlers={})


async def test_the_page_and_every_file_are_served_as_they_are(api: Api) -> None:
    there = {str(path.relative_to(FOLDER)): path.read_bytes() for path in FOLDER.rglob("*") if path.is_file()}
    assert set(files()) == set(there)
    for name, body in there.items():
        async with api.http.get(f"{api.base}/console/{name}") as response:
            assert (response.status, await response.read()) == (200, body), name
            assert response.headers["X-Content-Type-Options"] == "nosniff"
    async with api.http.get(f"{api.base}/console") as response:
        assert (await response.read(), response.content_type) == (there["index.html"], "text/html")


async def test_a_page_may_load_its_own_files_alone(api: Api) -> None:
    async with api.http.get(f"{api.base}/console") as response:
        policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["form-action"] == policy["base-uri"] == "'none'"
    for kind in ("script-src", "style-src", "connect-src", "worker-src"):
        assert policy[kind] == "'self'"


async def test_a_browser_asks_again_and_is_told_that_nothing_changed(api: Api) -> None:
    async with api.http.get(f"{api.base}/console/main.js") as response:
        etag = response.headers["ETag"]
        assert response.headers["Cache-Control"] == "no-cache"
    async with api.http.get(f"{api.base}/console/main.js", headers={"If-None-Match": f'"other", {etag}'}) as response:
        assert (response.status, await response.read(), response.headers["ETag"]) == (304, b"", etag)


@pytest.mark.parametrize(
    "path",
    [
        "/console/nothing.js", "/console/..%2fapp.py", "/console/%2e%2e/app.py", "/console/..%5capp.py",
        "/console/%2fetc%2fpasswd", "/console/main.js%00", "/console/views/..%2fmain.js", "/console/views/theme.js/",
    ],
)  # fmt: skip
async def test_no_part_of_a_url_becomes_a_path(api: Api, path: str) -> None:
    (await api.call("GET", path)).problem(404, "not-found")


def test_the_files_need_nothing_from_elsewhere_and_nothing_inline() -> None:
    for name, content in files().items():
        text = content.decode()
        assert len(text.splitlines()) <= 300, name
        addresses = re.findall(r"https?://[^\s\"'`)]+", text)
        assert set(addresses) <= {"http://www.w3.org/2000/svg"}, name
        if name.endswith(".js"):
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text), name
            assert not re.search(r"(local|session)Storage", text) or name == "views/theme.js", name
        if name.endswith(".html"):
            assert not re.search(r"\son\w+=|\sstyle=|<style|<script(?![^>]*\ssrc=)", text), name
