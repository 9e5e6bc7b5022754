"""Options that several commands share."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from agentd.config import Settings

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help="Configuration file; default ./config.toml, then /etc/agentd/config.toml.", show_default=False
    ),
]
StateDirOption = Annotated[Path | None, typer.Option("--state-dir", help="Folder of tokens and state.", show_default=False)]
HostOption = Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default=False)]
PortOption = Annotated[int | None, typer.Option("--port", help="TCP port; 0 picks a free one.", show_default=False)]
TimeoutOption = Annotated[float, typer.Option("--timeout-s", min=1, max=300, help="Longest wait, in seconds.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def session_names(context: typer.Context, incomplete: str) -> list[str]:
    """Names of sessions for shell completion; none when there is no daemon."""
    from agentd.cli.client import Daemon
    from agentd.errors import AgentdError

    try:
        settings = settings_from(context.params.get("config"), state_dir=context.params.get("state_dir"))
        listed = Daemon(settings).call("GET", "/v1/sessions", timeout_s=0.5)
    except AgentdError:
        return []
    return sorted({session["id"] for session in listed["items"] if session["id"].startswith(incomplete)})


SessionArgument = Annotated[
    str, typer.Argument(help="Session name, or run id.", show_default=False, autocompletion=session_names)
]


def settings_from(
    config: Path | None = None,
    *,
    state_dir: Path | None = None,
    host: str | None = None,
    port: int | None = None,
    watch: bool = False,
) -> "Settings":
    """The settings with what the command line says over them."""
    from agentd.config import load

    overrides: dict[str, Any] = {
        "server": {"host": host, "port": port},
        "paths": {"state_dir": state_dir, "watch_functions": watch or None},
    }
    return load(config, overrides)
