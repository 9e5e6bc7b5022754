"""Commands that watch or take away what conversations leave: live events, and a run as one file."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentd.cli.options import ConfigOption, JsonOption, SessionArgument, StateDirOption, settings_from

if TYPE_CHECKING:
    from agentd.cli.client import Daemon

_PROGRESS_BYTES = 1 << 20


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command()(tail)
    app.command()(export)


def tail(
    name: Annotated[str | None, typer.Argument(help="Session name or run id; left out: all.", show_default=False)] = None,
    *,
    types: Annotated[
        str | None, typer.Option("--types", help="Only these events, such as TurnFinished,Error.", show_default=False)
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also show events that only machines care about.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print each event as a line of JSON.")] = False,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
) -> None:
    """Show what happens, as it happens.

    Ends with Ctrl-C or the session; goes on when the daemon was restarted.
    """
    from agentd.cli.client import Daemon, segment

    daemon = Daemon(settings_from(config, state_dir=state_dir))
    path = "/v1/events" if name is None else f"/v1/sessions/{segment(name)}/events"
    query = {"types": types} if types else {}
    asyncio.run(_tail(daemon, path, query, everything=everything or types is not None, json=json))


async def _tail(daemon: "Daemon", path: str, query: dict[str, str], *, everything: bool, json: bool) -> None:
    import orjson
    from rich.console import Console

    from agentd.cli.events import follow
    from agentd.cli.rendering import line_of

    console = Console(highlight=False, soft_wrap=True)
    async for event in follow(daemon, path, query):
        if json:
            print(orjson.dumps(event).decode(), flush=True)
        elif (line := line_of(event, everything=everything)) is not None:
            console.print(line)


def export(
    name: SessionArgument,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="File to write; default: <name>-<run>.<format> here.", show_default=False)
    ] = None,
    *,
    config: ConfigOption = None,
    state_dir: StateDirOption = None,
    json: JsonOption = False,
) -> None:
    """Save a run as one file.

    In it: events, transcript, calls, latencies, audio where it was recorded, and the settings without secrets.
    """
    from agentd.cli.client import Daemon
    from agentd.cli.output import print_json

    daemon = Daemon(settings_from(config, state_dir=state_dir))
    file, n_bytes = asyncio.run(_export(daemon, name, out))
    if json:
        print_json({"file": str(file), "bytes": n_bytes})
    else:
        print(f"{file} ({n_bytes / 1024:.0f} KiB)")


async def _export(daemon: "Daemon", name: str, out: Path | None) -> tuple[Path, int]:
    """The file and its size; it is there whole or not at all."""
    from agentd.cli.client import DaemonError, segment

    path = f"/v1/sessions/{segment(name)}/export"
    async with daemon.request("GET", path) as response:
        disposition = response.content_disposition
        offered = Path(disposition.filename).name if disposition is not None and disposition.filename else f"{name}.export"
        file = _target(out, offered)
        partial = file.with_name(f".{file.name}.partial")
        n_bytes = 0
        try:
            with partial.open("wb") as target:
                async for chunk in response.content.iter_chunked(_PROGRESS_BYTES):
                    target.write(chunk)
                    n_bytes += len(chunk)
            partial.rename(file)
        except OSError as error:
            raise DaemonError(f"cannot write {file}: {error.strerror}.") from error
        finally:
            partial.unlink(missing_ok=True)
    return file, n_bytes


def _target(out: Path | None, offered: str) -> Path:
    from agentd.cli.client import DaemonError

    file = out if out is not None and not out.is_dir() else (out or Path()) / offered
    if file.exists():
        raise DaemonError(f"{file} exists; choose another with --out.")
    return file
