"""Commands that run something: the daemon, the engine alone, the demonstration."""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from agentd.cli.options import ConfigOption, HostOption, PortOption, StateDirOption, settings_from

ScriptOption = Annotated[
    Path | None,
    typer.Option("--script", help="Answer by this script instead of models (YAML; docs/scripted.md).", show_default=False),
]
CheckOption = Annotated[bool, typer.Option("--check", help="Only say whether the script is valid, and what it holds.")]
ReportOption = Annotated[
    Path | None,
    typer.Option("--report", help="Write what came of the script's expectations: .json or JUnit .xml.", show_default=False),
]
OnceOption = Annotated[bool, typer.Option("--once", help="End when every conversation of the script was played.")]


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
    *,
    watch: Annotated[bool, typer.Option("--watch", help="Load function handlers anew whenever their files change.")] = False,
) -> None:
    """Run the daemon in the foreground."""
    read = partial(settings_from, config, state_dir=state_dir, host=host, port=port, watch=watch)
    settings = read()
    from agentd.serve import run

    raise typer.Exit(run(settings, read))


def engine(
    *,
    config: ConfigOption = None,
    host: HostOption = None,
    port: PortOption = None,
    script: ScriptOption = None,
    check: CheckOption = False,
    report: ReportOption = None,
    once: OnceOption = False,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="File with the key that clients must send.", show_default=False)
    ] = None,
) -> None:
    """Run the embedded engine alone.

    It is a server of the Voice Agent protocol. With --script it needs no models and answers by a script, to test clients
    against (docs/scripted.md); it then ends with status 3 if a client did not do what the script expects.
    """
    if script is None and (check or once or report is not None):
        raise typer.BadParameter("--check, --report and --once go with --script FILE.")
    if script is not None and check:
        from agentd.engine.scripted.loading import load_script

        print("\n".join(load_script(script).summary()))
        return
    settings = settings_from(config)
    from agentd.engine.main import run

    allowed = settings.security.allowed_endpoints
    status = run(
        settings.engine,
        allowed_endpoints=allowed,
        host=host,
        port=port,
        token_file=token_file,
        script=script,
        report=report,
        once=once,
    )
    raise typer.Exit(status)


def demo(
    config: ConfigOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Keep chatlog.txt and output-<n>.wav in this folder.", show_default=False)
    ] = None,
) -> None:
    """Hold one spoken conversation and show each step."""
    settings = settings_from(config)
    from agentd.demo import run

    raise typer.Exit(run(out, settings))
