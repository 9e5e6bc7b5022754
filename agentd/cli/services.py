"""Commands that run something: the daemon, the engine alone, the demonstration."""

from pathlib import Path
from typing import Annotated

import typer

from agentd.cli.options import ConfigOption, HostOption, PortOption, StateDirOption, settings_from


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(serve)
    app.command()(engine)
    app.command()(demo)


def serve(
    config: ConfigOption = None,
    host: HostOption = None,
    port: PortOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Run the daemon in the foreground."""
    settings = settings_from(config, state_dir=state_dir, host=host, port=port)
    from agentd.app import run

    raise typer.Exit(run(settings))


def engine(
    config: ConfigOption = None,
    host: HostOption = None,
    port: PortOption = None,
    script: Annotated[
        Path | None, typer.Option("--script", help="Answer by this script (YAML, docs/scripted.md) instead of models.", show_default=False)
    ] = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="File with the key that clients must send.", show_default=False)
    ] = None,
) -> None:
    """Run the embedded engine alone: a server of the Voice Agent protocol."""
    settings = settings_from(config)
    from agentd.engine.main import run

    allowed = settings.security.allowed_endpoints
    status = run(settings.engine, allowed_endpoints=allowed, host=host, port=port, token_file=token_file, script=script)
    raise typer.Exit(status)


def demo(
    config: ConfigOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Keep chatlog.txt and output-<n>.wav in this folder.", show_default=False)
    ] = None,
) -> None:
    """Hold one spoken conversation and show what was heard, called and said."""
    settings = settings_from(config)
    from agentd.demo import run

    raise typer.Exit(run(out, settings))
