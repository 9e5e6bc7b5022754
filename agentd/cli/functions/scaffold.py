"""``agentd functions new``: a handler file that loads, explains itself, and is understood as it stands."""

import keyword
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agentd.cli.functions.common import declared_in
from agentd.cli.options import ConfigOption, settings_from

if TYPE_CHECKING:
    from agentd.functions.declare import Tier


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command()(new)


def new(
    name: Annotated[
        str,
        typer.Argument(help="Name of the function and of its file, such as feed_cat or water_level.", show_default=False),
    ],
    *,
    tier: Annotated[
        str,
        typer.Option(
            "--tier",
            help="What a call can do: read (looks), low (acts harmlessly), medium (is felt: heating, covers), "
            "high (dangerous or dear: unlock, buy).",
        ),
    ] = "read",
    directory: Annotated[
        Path | None,
        typer.Option("--directory", "-d", help="Folder for the file. Default: the configured one.", show_default=False),
    ] = None,
    with_test: Annotated[bool, typer.Option("--with-test", help="Also write a test, into tests/ of that folder.")] = False,
    config: ConfigOption = None,
) -> None:
    """Write a handler file to start from. It loads as it is; nothing is ever overwritten.

    Example: agentd functions new feed_cat --tier low
    """
    from agentd.cli.functions.templates import handler, test
    from agentd.functions.declare import TIERS
    from agentd.functions.workers.files import NAME, usable_name

    if not NAME.match(name) or keyword.iskeyword(name):
        fit = usable_name(name)
        instead = f"; try {fit}" if fit and not keyword.iskeyword(fit) else ""
        raise typer.BadParameter(
            f"{name!r} is no name for a function: small letters, digits and _, at most 48, a letter first, "
            f"and no word of Python's own{instead}",
            param_hint="NAME",
        )
    chosen: Tier | None = next((known for known in TIERS if known == tier), None)
    if chosen is None:
        raise typer.BadParameter(f"{tier!r} is none of {', '.join(TIERS)}", param_hint="--tier")
    folder = directory or settings_from(config).paths.functions_dir
    if (other := declared_in(folder).get(name)) is not None and other.stem != name:
        raise typer.BadParameter(f"{other} has a function {name} already; take another name", param_hint="NAME")
    files = {folder / f"{name}.py": handler(name, chosen)}
    if with_test:
        files[folder / "tests" / f"test_{name}.py"] = test(name, chosen, found=folder.absolute().name == "functions")
    _write(files)
    elsewhere = f" --directory {folder}" if directory is not None else ""
    print("\n".join(f"made {path}" for path in files))
    print("Next:")
    print(f"  edit {folder / f'{name}.py'}")
    print(f"  agentd functions check{f' {folder}' if directory is not None else ''}")
    print(f"  agentd functions test {name}{elsewhere}")
    print(f"  agentd functions call {name} --local{elsewhere}{' --yes' if chosen == 'high' else ''}")
    if with_test:
        print(f"  pytest {folder / 'tests'}")
    print("  agentd functions reload          (when a daemon runs: now agents can call it)")
    if chosen == "high":
        print(f'An agent may call it only if its profile says so: allow_high = ["{name}"]')


def _write(files: dict[Path, str]) -> None:
    """Write all of them, or none because one is there.

    Raises:
        ConfigError: a file is there, or cannot be written.
    """
    from agentd.errors import ConfigError

    for path in files:
        if path.exists():
            raise ConfigError(f"{path} is there already; it stays as it is. Take another name, or --directory.")
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Nobody but its owner may write it, whatever the umask: the daemon loads no other.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConfigError(f"{path} cannot be written: {error.strerror}.") from error
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
