"""The Grafana dashboard as Python, written to ``grafana-dashboard.json`` beside it.

``python monitoring/dashboard.py`` (``make generate``) writes the file; a test fails when it is not what this makes, and
another puts every query to a real Prometheus that scraped a real daemon.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, DataSourceRef, VariableRefresh

FILE: Final = Path(__file__).with_name("grafana-dashboard.json")

_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="${source}")
_PANEL_WIDTH: Final = 12  # of Grafana's 24 columns
_PANEL_HEIGHT: Final = 8


@dataclass(frozen=True)
class Panel:
    """One time series panel.

    Attributes:
        unit: Grafana's name of the unit.
        queries: legend and PromQL of each line.
        stacked: show lines on top of each other, where they add up to something.
    """

    title: str
    description: str
    unit: str
    queries: dict[str, str]
    stacked: bool = False


def _rate(metric: str, *by: str) -> str:
    """Events per second, summed over instances."""
    return f'sum by ({", ".join(by)}) (rate({metric}{{instance=~"$node"}}[$__rate_interval]))'


def _quantile(quantile: float, metric: str, *by: str) -> str:
    return f"histogram_quantile({quantile}, {_rate(f'{metric}_bucket', 'le', *by)})"


PANELS: Final = (
    Panel(
        "Sessions",
        "Live sessions by state, and the configured limit.",
        "short",
        {
            "{{state}}": 'sum by (state) (agentd_sessions{instance=~"$node"})',
            "limit": 'sum(agentd_session_limit{instance=~"$node"})',
        },
    ),
    Panel(
        "Starts and ends of sessions",
        "Per minute. An end by upstream_error, upstream_closed, settings_rejected or max_duration deserves a look.",
        "cpm",
        {
            "started, {{upstream}}": f"60 * {_rate('agentd_sessions_started_total', 'upstream')}",
            "{{reason}}": f"60 * {_rate('agentd_sessions_ended_total', 'reason')}",
        },
    ),
    Panel(
        "Turn latency",
        "From the end of the user's speech to the first agent audio. The stages add up to the total.",
        "s",
        {
            "{{stage}}, p95": _quantile(0.95, "agentd_turn_latency_seconds", "stage"),
            "{{stage}}, median": _quantile(0.5, "agentd_turn_latency_seconds", "stage"),
        },
    ),
    Panel(
        "Dead air",
        "Per minute: users who waited for limits.dead_air_s and heard nothing, by what they waited for.",
        "cpm",
        {"{{stage}}": f"60 * {_rate('agentd_dead_air_total', 'stage')}"},
        stacked=True,
    ),
    Panel(
        "Function calls",
        "Per minute, by outcome. denied and unknown are calls the gate kept from running.",
        "cpm",
        {"{{function}} {{outcome}}": f"60 * {_rate('agentd_function_calls_total', 'function', 'outcome')}"},
        stacked=True,
    ),
    Panel(
        "Time of function calls",
        "From the request to the answer. A call that waits for a confirmation waits with it.",
        "s",
        {
            "{{function}}, p95": _quantile(0.95, "agentd_function_call_duration_seconds", "function"),
            "{{function}}, median": _quantile(0.5, "agentd_function_call_duration_seconds", "function"),
        },
    ),
    Panel(
        "Denied function calls and confirmations",
        "Per minute: calls the gate kept from running, by reason, and what became of confirmations. More than a few: a model "
        "gone wrong, or somebody who tries.",
        "cpm",
        {
            "denied: {{reason}}": f"60 * {_rate('agentd_function_calls_denied_total', 'reason')}",
            "confirmation {{outcome}}": f"60 * {_rate('agentd_function_confirmations_total', 'outcome')}",
        },
        stacked=True,
    ),
    Panel(
        "Ends of function workers",
        "Per minute, by reason. renewed and unused are housekeeping; all else cost a call.",
        "cpm",
        {"{{reason}}": f"60 * {_rate('agentd_function_workers_ended_total', 'reason')}"},
        stacked=True,
    ),
    Panel(
        "Safety",
        "1 each: the audit can be written, actions are switched off, an MCP server answers. And times the audit could not be "
        "written, per minute.",
        "short",
        {
            "audit up": 'min(agentd_audit_up{instance=~"$node"})',
            "audit failures": f"60 * {_rate('agentd_audit_failures_total', 'instance')}",
            "actions off": 'max(agentd_actions_disabled{instance=~"$node"})',
            "MCP {{server}}": 'min by (server) (agentd_mcp_server_up{instance=~"$node"})',
        },
    ),
    Panel(
        "Commands",
        "Per minute, by outcome. no_effect: the upstream accepted it and did nothing, or did not answer.",
        "cpm",
        {"{{kind}} {{outcome}}": f"60 * {_rate('agentd_commands_total', 'kind', 'outcome')}"},
        stacked=True,
    ),
    Panel(
        "Upstream errors",
        "Per minute, by code: refused and lost connections, and errors told inside a conversation.",
        "cpm",
        {"{{upstream}} {{code}}": f"60 * {_rate('agentd_upstream_errors_total', 'upstream', 'code')}"},
        stacked=True,
    ),
    Panel(
        "Control API",
        "Requests per second by status.",
        "reqps",
        {"{{method}} {{route}} {{status}}": _rate("agentd_http_request_duration_seconds_count", "method", "route", "status")},
        stacked=True,
    ),
    Panel(
        "Event loop lag",
        "How late the daemon's loop is. Above 50 ms everything the daemon does is late by as much.",
        "s",
        {
            "p99": _quantile(0.99, "agentd_event_loop_lag_seconds"),
            "median": _quantile(0.5, "agentd_event_loop_lag_seconds"),
        },
    ),
    Panel(
        "Event streams",
        "Readers by transport, and readers that lost something because they were too slow (per minute).",
        "short",
        {
            "{{transport}}": 'sum by (transport) (agentd_subscribers{instance=~"$node"})',
            "drops {{transport}} {{lane}}": f"60 * {_rate('agentd_subscriber_drops_total', 'transport', 'lane')}",
        },
    ),
    Panel(
        "Store",
        "Time of commits (p99), rows that wait for the disk, rows given up per minute.",
        "short",
        {
            "commit p99 (s)": _quantile(0.99, "agentd_store_commit_seconds"),
            "waiting": 'sum(agentd_store_queue_rows{instance=~"$node"})',
            "given up": 'sum(60 * rate(agentd_store_dropped_rows_total{instance=~"$node"}[$__rate_interval]))',
        },
    ),
)


def build() -> dict[str, Any]:
    """The dashboard as Grafana's JSON."""
    board = (
        dashboard.Dashboard("agentd")
        .uid("agentd")
        .description("Voice agents: sessions, latency, function calls, upstream, and the daemon itself.")
        .tags(["agentd", "voice"])
        .timezone("browser")
        .refresh("10s")
        .time("now-1h", "now")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Data source").type("prometheus"))
        .with_variable(
            dashboard.QueryVariable("node")
            .label("Instance")
            .datasource(_SOURCE)
            .query("label_values(agentd_build_info, instance)")
            .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
            .multi(True)
            .include_all(True)
            .all_value(".*")
        )
    )
    for panel in PANELS:
        board.with_panel(_time_series(panel))
    document: dict[str, Any] = _without_nulls(json.loads(json.dumps(board.build(), cls=JSONEncoder)))
    document.pop("style", None)  # gone from Grafana's own types
    for variable in document["templating"]["list"]:
        # An empty id, and options of interval variables: the SDK writes them, Grafana's own types refuse them.
        for option in ("id", "auto", "auto_min", "auto_count"):
            variable.pop(option, None)
    return document


def _time_series(panel: Panel) -> timeseries.Panel:
    built = (
        timeseries.Panel()
        .title(panel.title)
        .description(panel.description)
        .datasource(_SOURCE)
        .unit(panel.unit)
        .span(_PANEL_WIDTH)
        .height(_PANEL_HEIGHT)
        .min(0)
        .fill_opacity(20 if panel.stacked else 5)
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.RIGHT)
            .show_legend(True)
            .calcs(["lastNotNull", "max"])
        )
    )
    if panel.stacked:
        built.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for index, (legend, expression) in enumerate(panel.queries.items()):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).range().ref_id(chr(ord("A") + index))
        built.with_target(query)
    return built


def _without_nulls(value: Any) -> Any:
    """The SDK writes unset options as null, which Grafana's own types do not allow."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def render() -> str:
    """The text of the dashboard file."""
    return json.dumps(build(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(render(), encoding="utf-8")
    print(f"wrote {FILE}")
