import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import make_mocked_request
from openapi_spec_validator import OpenAPIV31SpecValidator
from prometheus_client import CollectorRegistry

from agentd.door.identity import SCOPES
from agentd.errors import REGISTRY
from agentd.http import sessions
from agentd.http.advice import ADVICE
from agentd.http.docs import READER
from agentd.http.models import Answer
from agentd.http.openapi import SCOPE_MEANINGS, document
from agentd.http.queries import PARAMETERS, Page, Parameters
from agentd.http.routes import ROUTES
from agentd.http.server import build_app
from agentd.http.table import ANY, Route
from agentd.metrics import Metrics
from tests.support import contract
from tests.unit.http.conftest import Api, ApiOf


@pytest.fixture
async def api(api_of: ApiOf) -> Api:
    return await api_of(handlers={})


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    value: dict[str, Any] = json.loads(json.dumps(document(ROUTES)))
    return value


def operations(made: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(method.upper(), path): operation for path, item in made["paths"].items() for method, operation in item.items()}


def test_the_document_is_valid_openapi_3_1(made: dict[str, Any]) -> None:
    assert made["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(made).iter_errors()] == []


async def test_router_and_document_are_the_same(api: Api, made: dict[str, Any]) -> None:
    app = build_app(replace(api.deps, metrics=Metrics(CollectorRegistry())))
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    heads = {("HEAD", route.path) for route in ROUTES if route.method == "GET" and not route.stream}
    assert served - heads == set(operations(made))
    assert heads <= served


async def test_the_document_is_open_and_a_browser_that_has_it_is_told_so(api: Api, made: dict[str, Any]) -> None:
    async with api.http.get(api.base + "/openapi.json") as response:
        assert response.headers["Content-Type"].startswith("application/json")
        assert await response.json() == made
        tag = response.headers["ETag"]
    again = await api.call("GET", "/openapi.json", headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")


def test_every_operation_says_its_scope_its_problems_and_a_command(made: dict[str, Any]) -> None:
    rows = {(route.method, route.path): route for route in ROUTES}
    for key, operation in operations(made).items():
        scope = rows[key].scope
        wanted = [] if scope is None else [{"bearer": [] if scope == ANY else [scope]}]
        assert (operation["security"], operation["x-scope"]) == (wanted, scope), key
        assert "```sh\n" in operation["description"], key
        assert ("401" in operation["responses"], "403" in operation["responses"]) == (True, True), key


def test_every_parameter_says_what_it_is(made: dict[str, Any]) -> None:
    for key, operation in operations(made).items():
        assert [found["name"] for found in operation["parameters"] if not found.get("description")] == [], key


def test_every_problem_a_route_may_answer_is_in_the_document_and_has_a_page(made: dict[str, Any]) -> None:
    for route in ROUTES:
        responses = operations(made)[route.method, route.path]["responses"]
        for code, kind in route.problems.items():
            response = responses[str(kind.status)]
            if "$ref" in response:
                response = made["components"]["responses"][response["$ref"].rpartition("/")[2]]
            codes = response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
            assert code in codes, (route.method, route.path)
            assert code in ADVICE


def test_every_error_that_http_can_answer_belongs_to_a_route() -> None:
    by_routes = {code for route in ROUTES for code in route.problems}
    elsewhere = {"invalid-config", "method-not-allowed"}  # no daemon; no route
    awaited = {"conflict"}
    assert set(REGISTRY) - by_routes - elsewhere <= awaited


def test_the_scopes_are_those_of_the_door() -> None:
    assert list(SCOPE_MEANINGS) == list(SCOPES)
    assert {route.scope for route in ROUTES} <= {*SCOPES, ANY, None}


def test_websocket_routes_are_described_as_an_upgrade(made: dict[str, Any]) -> None:
    upgrade = operations(made)["GET", "/v1/agent/converse"]["responses"]["101"]
    assert "binary frames are audio" in upgrade["description"]
    assert "content" not in upgrade


def test_a_row_that_does_not_say_what_it_does_is_refused() -> None:
    with pytest.raises(TypeError, match="no summary or no answers"):
        Route("GET", "/v1/new", sessions.index, "read", summary="New", answers={})
    with pytest.raises(TypeError, match="no summary or no answers"):
        Route("GET", "/v1/new", sessions.index, "read", summary="", answers={200: None})
    with pytest.raises(TypeError, match="PATH_PARAMETERS"):
        Route("GET", "/v1/new/{unheard_of}", sessions.index, "read", summary="New", answers={200: None})
    with pytest.raises(TypeError, match="problems"):
        Route("GET", "/v1/new", sessions.index, "read", summary="New", answers={404: Answer})


def test_a_handler_that_reads_what_its_row_does_not_declare_fails() -> None:
    request = make_mocked_request("GET", "/v1/sessions")
    request[PARAMETERS] = Parameters()
    with pytest.raises(TypeError, match="declares Parameters, its handler reads Page"):
        Page.of(request)


def test_the_check_of_answers_notices_what_a_row_does_not_say() -> None:
    good = b'{"status":"ok"}'
    contract.check("GET", "/healthz", 200, {"Content-Type": "application/json"}, good)
    for status, headers, body in (
        (201, {"Content-Type": "application/json"}, good),
        (200, {"Content-Type": "text/plain"}, good),
        (200, {"Content-Type": "application/json"}, b'{"status":"ok","more":1}'),
        (200, {"Content-Type": "application/json"}, b'{"status":"fine"}'),
    ):
        with pytest.raises(AssertionError):
            contract.check("GET", "/healthz", status, headers, body)


async def test_the_page_loads_its_own_files_alone_and_runs_no_inline_script(api: Api) -> None:
    async with api.http.get(api.base + "/docs") as response:
        page = await response.text()
        policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "<script>" not in page
    assert "http://" not in page
    assert "https://" not in page
    for name in ("docs.js", "docs.css", "swagger-ui-bundle.js", "swagger-ui.css"):
        assert f'"docs/{name}"' in page
        answer = await api.call("GET", f"/docs/{name}")
        assert (answer.status, answer.body) == (200, (READER / name).read_bytes())
    for name in ("docs.html", "package.json", "LICENSE", "..%2fdocs.py", "%2e%2e%2fdocs.py"):
        (await api.call("GET", f"/docs/{name}")).problem(404, "not-found")


def test_the_reader_is_the_version_that_its_lock_names_and_has_its_licences() -> None:
    lock = json.loads((READER / "package-lock.json").read_text())
    version = lock["packages"]["node_modules/swagger-ui-dist"]["version"]
    assert json.loads((READER / "package.json").read_text())["dependencies"] == {"swagger-ui-dist": version}
    assert (
        f'"{version}"' in (READER / "swagger-ui-bundle.js").read_text()
        or version in (READER / "swagger-ui-bundle.js").read_text()
    )
    for name in ("LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"):
        assert (READER / name).stat().st_size > 0


def test_makefile_and_page_agree_on_the_files() -> None:
    makefile = (Path(__file__).parents[3] / "Makefile").read_text()
    line = next(line for line in makefile.splitlines() if line.startswith("READER_FILES"))
    assert set(line.partition(":=")[2].split()) | {"docs.html", "docs.js", "docs.css", "package.json", "package-lock.json"} == {
        file.name for file in READER.iterdir()
    }
