from pathlib import Path

from tests.unit.http.conftest import HANDLERS, Api, ApiOf


async def test_functions_are_listed_with_schema_source_and_what_did_not_load(api_of: ApiOf) -> None:
    api = await api_of(handlers=HANDLERS | {"broken.py": "def oops(:\n"})
    answer = (await api.call("GET", "/v1/functions")).json
    (function,) = answer["items"]
    assert function["name"] == "set_light"
    assert function["tier"] == "low"
    assert function["parameters"]["required"] == ["room"]
    assert Path(function["file"]).name == "home.py"
    (problem,) = answer["problems"]
    assert Path(problem["file"]).name == "broken.py"
    assert problem["line"] == 1
    assert (await api.call("GET", "/v1/functions/set_light")).json == function
    (await api.call("GET", "/v1/functions/fly")).problem(404, "function-not-found")


async def test_a_function_is_invoked_through_the_gate(api: Api) -> None:
    path = "/v1/functions/set_light/invoke"
    answer = (await api.call("POST", path, json={"arguments": {"room": "kitchen"}})).json
    assert answer["outcome"] == "ok"
    assert answer["content"] == "The lamp in the kitchen is on."
    (await api.call("POST", path, json={"arguments": {"room": 7}})).problem(422, "invalid-request")
    (await api.call("POST", path)).problem(422, "invalid-request")
    (await api.call("POST", "/v1/functions/fly/invoke")).problem(404, "function-not-found")
    counters = (await api.call("GET", "/v1/functions/set_light")).json["counters"]
    assert (counters["ok"], counters["invalid"]) == (1, 2)
    metrics = (await api.call("GET", "/metrics")).body.decode()
    assert 'agentd_function_calls_total{function="set_light",outcome="ok"} 1.0' in metrics


async def test_a_function_is_shown_as_a_model_is_told_of_it(api: Api) -> None:
    shown = (await api.call("GET", "/v1/functions/set_light")).json
    told = (await api.call("GET", "/v1/agents/test")).json["settings"]["agent"]["think"]["functions"]
    assert shown["declaration"] in told
    assert shown["options"]["background"] is False


async def test_a_call_that_the_gate_denies_is_told_apart_from_a_token_that_may_not(api_of: ApiOf) -> None:
    api = await api_of(handlers={"home.py": HANDLERS["home.py"].replace('tier="low"', 'tier="high"')})
    path, body = "/v1/functions/set_light/invoke", {"arguments": {"room": "kitchen"}}
    (await api.call("POST", path, json=body, headers=api.auth("read"))).problem(403, "forbidden")
    denied = (await api.call("POST", path, json=body)).problem(403, "function-denied")
    assert "set_light" in denied["detail"]


async def test_what_a_function_says_is_words(api: Api) -> None:
    answer = await api.call(
        "POST", "/v1/functions/set_light/invoke", json={"arguments": {"room": "kitchen"}}, headers=api.auth("control")
    )
    assert answer.json["outcome"] == "ok"
    assert b"kitchen" not in answer.body


async def test_a_reload_is_all_or_nothing(api: Api) -> None:
    folder = api.deps.settings.paths.functions_dir
    (folder / "more.py").write_text(HANDLERS["home.py"].replace("set_light", "set_blinds"))
    answer = (await api.call("POST", "/v1/functions/reload")).json
    assert [function["name"] for function in answer["items"]] == ["set_blinds", "set_light"]
    (folder / "bad.py").write_text("import nothing_of_that_name\n")
    problem = (await api.call("POST", "/v1/functions/reload")).problem(422, "invalid-request")
    assert "bad.py" in str(problem["errors"])
    assert len((await api.call("GET", "/v1/functions")).json["items"]) == 2
    (await api.call("POST", "/v1/functions/reload", headers=api.auth("control"))).problem(403, "forbidden")


async def test_who_may_answer_no_call_is_told_so_whatever_the_body_says(api: Api) -> None:
    for body in ({}, {"approve": True}, {"result": "done"}):
        answer = await api.call("POST", "/v1/sessions/any/calls/call_1", json=body, headers=api.auth("read", "transcripts"))
        answer.problem(403, "forbidden")
    for scope in ("control", "confirm"):
        answer = await api.call("POST", "/v1/sessions/any/calls/call_1", json={}, headers=api.auth(scope))
        answer.problem(422, "invalid-request")
