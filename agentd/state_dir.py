"""The state folder: made, held by one daemon alone, and the daemon's address in it."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import structlog

from agentd.errors import ConfigError

_log = structlog.get_logger("agentd.state_dir")


def make_state_dir(path: Path) -> Path:
    """Make the folder if it is not there.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ConfigError(f"The state folder {path} cannot be made: {error.strerror}. Set paths.state_dir.") from error
    return path


@contextlib.contextmanager
def only_one(state_dir: Path) -> Iterator[TextIO]:
    """Hold the state folder's lock: two daemons on one folder would share tokens, stores and the address file.

    A folder that was used before and is read-only now is used as it is: tokens are there, nothing is kept.

    Raises:
        ConfigError: it cannot be written, or another daemon has it.
    """
    lock = state_dir / "lock"
    try:
        opened = lock.open("w", encoding="ascii")
    except OSError as error:
        if not lock.exists():
            raise ConfigError(
                f"The state folder {state_dir} cannot be written: {error.strerror}. Set paths.state_dir."
            ) from error
        _log.warning("state_folder_read_only", path=str(state_dir), error=error.strerror)
        opened = lock.open("r", encoding="ascii")
    with opened as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise ConfigError(
                f"Another agentd uses the state folder {state_dir}. Stop it, or give this one its own with --state-dir."
            ) from None
        yield file


def write_url(state_dir: Path, url: str) -> None:
    """Tell programs on this machine where the daemon listens; they can be told otherwise."""
    try:
        (state_dir / "agentd.url").write_text(url + "\n", encoding="ascii")
    except OSError as error:
        _log.warning("url_not_written", path=str(state_dir), error=error.strerror)
