"""Puts the commands together, and turns what they raise into one line and an exit status."""

import sys
from typing import Annotated

import typer

from agentd import __version__
from agentd.cli import audit, functions, inspection, services, sessions, talking, tokens, watching
from agentd.errors import AgentdError, ConfigError

app = typer.Typer(
    name="agentd",
    help="Voice agents as a system service. Start with: agentd serve",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    # Plain text: errors stay one line, for people and for logs.
    rich_markup_mode=None,
    # Typer's own tracebacks print local variables, and those may be keys.
    pretty_exceptions_enable=False,
)
services.add_to(app)
sessions.add_to(app)
talking.add_to(app)
watching.add_to(app)
functions.add_to(app)
tokens.add_to(app)
audit.add_to(app)
inspection.add_to(app)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 - Typer's callback signature
    if wanted:
        print(f"agentd {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    del version  # its callback has done the work


def main() -> None:
    """Run the command line; never returns."""
    try:
        app(prog_name="agentd")
    except AgentdError as error:
        print(f"agentd: {error.detail}", file=sys.stderr)
        for fault in error.errors if not isinstance(error, ConfigError) else ():
            print(f"  {fault.pointer}: {fault.detail}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, ConfigError) else 1) from None
    except BrokenPipeError:
        # `agentd sessions | head`: the reader has what it wanted. Python must not try to flush again.
        sys.stderr.close()
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
