import pytest
from prometheus_client import CollectorRegistry

from agentd.hub import Hub
from agentd.metrics import CONFIRMATIONS, DENIALS, END_REASONS, WORKER_ENDS, Metrics
from agentd.sessions.state import EndReason, State


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"agentd_{name}", labels)


def test_every_metric_of_the_design_is_there_from_the_start(metrics: Metrics) -> None:
    metrics.watch_sessions(dict, lambda: 50)
    metrics.watch_hub(Hub())
    names = {family.name for family in metrics.registry.collect()}
    for name in (
        "build_info", "config_last_reload_success_timestamp_seconds", "sessions", "session_limit", "sessions_started",
        "sessions_ended", "session_duration_seconds", "upstream_connect_duration_seconds", "upstream_messages", "upstream_errors",
        "audio_bytes", "turn_latency_seconds", "function_calls", "function_call_duration_seconds", "commands", "subscribers",
        "subscriber_drops", "http_request_duration_seconds", "event_loop_lag_seconds",
    ):  # fmt: skip
        assert f"agentd_{name}" in names
    assert "process_resident_memory_bytes" in {sample.name for family in metrics.registry.collect() for sample in family.samples}


def test_known_labels_begin_at_zero_and_nothing_has_a_created_twin(metrics: Metrics) -> None:
    assert value(metrics, "sessions_ended_total", upstream="engine", reason="stopped") == 0
    assert value(metrics, "turn_latency_seconds_count", stage="total") == 0
    assert b"_created" not in metrics.render()[0]


def test_a_fresh_daemon_has_at_most_300_series(metrics: Metrics) -> None:
    metrics.watch_sessions(dict, lambda: 50)
    metrics.watch_hub(Hub())
    assert len([line for line in metrics.render()[0].splitlines() if not line.startswith(b"#")]) <= 300


def test_end_reasons_and_states_are_those_of_the_session_machine() -> None:
    assert set(END_REASONS) == set(EndReason)


def test_live_sessions_are_counted_at_scrape(metrics: Metrics) -> None:
    states = {"active": 2}
    metrics.watch_sessions(lambda: states, lambda: 50)
    assert value(metrics, "sessions", state="active") == 2
    states["active"] = 3
    assert value(metrics, "sessions", state="active") == 3
    assert {state for state in State if value(metrics, "sessions", state=state) is not None} == set(State) - {State.ENDED}
    assert value(metrics, "session_limit") == 50


def test_labels_from_outside_become_other(metrics: Metrics) -> None:
    metrics.upstream_message("engine", "in", "Welcome")
    metrics.upstream_message("engine", "in", "x" * 1000)
    metrics.upstream_error("engine", "MADE_UP")
    metrics.upstream_error("engine", None)
    metrics.watch_functions(lambda: {"set_light"})
    metrics.function_call("set_light", "ok", 0.1)
    metrics.function_call("invented", "unknown", 0.1)
    metrics.http_request("BREW", "/v1/sessions", 405, 0.1)
    assert value(metrics, "upstream_messages_total", upstream="engine", direction="in", type="Welcome") == 1
    assert value(metrics, "upstream_messages_total", upstream="engine", direction="in", type="other") == 1
    assert value(metrics, "upstream_errors_total", upstream="engine", code="other") == 2
    assert value(metrics, "function_calls_total", function="set_light", outcome="ok") == 1
    assert value(metrics, "function_calls_total", function="other", outcome="unknown") == 1
    assert value(metrics, "http_request_duration_seconds_count", method="other", route="/v1/sessions", status="405") == 1
    assert b"invented" not in metrics.render()[0]


def test_what_the_gate_and_the_workers_do_is_counted_by_closed_lists(metrics: Metrics) -> None:
    for reason in (*DENIALS, "made up"):
        metrics.function_denied(reason)
    for outcome in CONFIRMATIONS:
        metrics.confirmation(outcome)
    for reason in (*WORKER_ENDS, "signal 11"):
        metrics.function_worker_ended(reason)
    metrics.audit_failed()
    assert value(metrics, "function_calls_denied_total", reason="tier") == 1
    assert value(metrics, "function_calls_denied_total", reason="other") == 2
    assert value(metrics, "function_confirmations_total", outcome="expired") == 1
    assert value(metrics, "function_workers_ended_total", reason="memory") == 1
    assert value(metrics, "function_workers_ended_total", reason="other") == 2
    assert value(metrics, "audit_failures_total") == 1


def test_the_switch_and_the_mcp_servers_are_asked_at_scrape(metrics: Metrics) -> None:
    disabled, servers = [False], {"calendar": True}
    metrics.watch_actions(lambda: disabled[0])
    metrics.watch_mcp(lambda: servers)
    assert value(metrics, "actions_disabled") == 0
    assert value(metrics, "mcp_server_up", server="calendar") == 1
    disabled[0], servers["calendar"] = True, False
    assert value(metrics, "actions_disabled") == 1
    assert value(metrics, "mcp_server_up", server="calendar") == 0


def test_stages_that_are_not_known_are_not_counted(metrics: Metrics) -> None:
    metrics.turn({"think_s": 0.2, "total_s": 0.5, "listen_s": None, "basis": "upstream"})
    assert value(metrics, "turn_latency_seconds_count", stage="think") == 1
    assert value(metrics, "turn_latency_seconds_sum", stage="total") == 0.5
    assert value(metrics, "turn_latency_seconds_count", stage="listen") == 0


def test_each_registry_stands_alone() -> None:
    first, second = Metrics(CollectorRegistry()), Metrics(CollectorRegistry())
    first.session_started("engine")
    assert value(second, "sessions_started_total", upstream="engine") == 0
