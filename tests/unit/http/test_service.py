from agentd.http.server import Readiness
from tests.unit.http.conftest import Api


async def test_health_is_open_and_says_ok(api: Api) -> None:
    async with api.http.get(api.base + "/healthz") as response:
        assert response.status == 200
        assert await response.json() == {"status": "ok"}


async def test_readiness_is_open_and_its_details_are_not(api: Api) -> None:
    api.readiness[0] = Readiness(ready=False, reason="engine-starting", details={"engine": {"state": "starting"}})
    async with api.http.get(api.base + "/readyz") as response:
        assert response.status == 503
        assert await response.json() == {"status": "unavailable", "reason": "engine-starting"}
    assert (await api.call("GET", "/readyz")).json["details"] == {"engine": {"state": "starting"}}
    assert "details" not in (await api.call("GET", "/readyz", headers=api.auth("metrics"))).json
    api.readiness[0] = Readiness(ready=True)
    assert (await api.call("GET", "/readyz", headers=api.auth("metrics"))).json == {"status": "ok"}


async def test_metrics_come_as_prometheus_text_or_openmetrics(api: Api) -> None:
    await api.session()
    plain = await api.call("GET", "/metrics", headers=api.auth("metrics"))
    assert plain.headers["Content-Type"].startswith("text/plain; version=")
    assert b'agentd_sessions_started_total{upstream="deepgram"} 1.0' in plain.body
    assert b'agentd_subscribers{transport="sse"} 0.0' in plain.body
    modern = await api.call("GET", "/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert modern.headers["Content-Type"].startswith("application/openmetrics-text")
    assert modern.body.endswith(b"# EOF\n")


async def test_agents_are_shown_as_they_resolve_and_prompts_are_words(api: Api) -> None:
    agents = (await api.call("GET", "/v1/agents")).json["items"]
    assert [agent["name"] for agent in agents] == ["test", "passthrough"]
    shown = await api.call("GET", "/v1/agents/test")
    assert shown.json["settings"]["agent"]["think"]["prompt"] == "You are a test."
    bare = await api.call("GET", "/v1/agents/test", headers=api.auth("read"))
    assert bare.json["settings"]["agent"]["think"]["provider"]
    assert b"You are a test" not in bare.body
    (await api.call("GET", "/v1/agents/nobody")).problem(404, "agent-not-found")


async def test_the_model_lists_take_tokens_as_voice_agent_clients_send_them(api: Api) -> None:
    headers = {"Authorization": f"Token {api.token}"}
    think = (await api.call("GET", "/v1/agent/settings/think/models", headers=headers)).json["models"]
    assert all({"id", "name", "provider"} <= set(model) for model in think)
    assert set((await api.call("GET", "/v1/models", headers=headers)).json) == {"stt", "tts"}
    (await api.call("GET", "/v1/sessions", headers=headers)).problem(401, "unauthorized")
