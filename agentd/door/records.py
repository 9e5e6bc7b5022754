"""What is kept of tokens, and the file it is kept in: ``tokens.toml``, hashes only, readable by its owner alone."""

import json
import os
import secrets
import stat
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog

from agentd.clock import rfc3339
from agentd.door.identity import SCOPES, Identity, key_of
from agentd.errors import ConfigError

_log = structlog.get_logger("agentd.door")

Signature = tuple[int, int, int] | None
"""Changes when a file does: time of the last change of content or owner, size, inode. None: there is no file."""

_HEAD: Final = "# Written by `agentd token`. Hashes of tokens; the tokens themselves are kept nowhere.\n\n"


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is known of one token: never the token itself.

    Attributes:
        digest: its SHA-256.
        agents: the agents whose conversations it may see and start; None for all.
        expires_at: seconds since the epoch after which it is none any more: it was rotated. None: it stays.
    """

    name: str
    scopes: frozenset[str]
    created: str
    digest: bytes
    agents: frozenset[str] | None = None
    expires_at: float | None = None

    def valid(self, now: float) -> bool:
        """True while the token opens anything."""
        return self.expires_at is None or now < self.expires_at

    @property
    def identity(self) -> Identity:
        """The holder of the token."""
        return Identity(self.name, self.scopes, self.agents, key=key_of(self.digest))


def read_records(path: Path) -> tuple[TokenRecord, ...]:
    """The tokens in ``path``; none when there is no such file.

    Raises:
        ConfigError: others may read the file, or it is not as ``agentd token`` writes it.
    """
    refuse_if_open_to_others(path)
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("token", [])
        return tuple(_record(entry) for entry in entries)
    except FileNotFoundError:
        return ()
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{path} is not as `agentd token` writes it: {type(error).__name__}.") from error


def write_records(path: Path, records: Iterable[TokenRecord]) -> None:
    """Replace the file by one that holds these tokens."""
    write_private(path, _HEAD + "\n".join(_block(record) for record in records))


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all.

    Written by root for a daemon that is not, it belongs to the owner of the folder, who must be able to read it.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            if os.geteuid() == 0:
                owner = path.parent.stat()
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def refuse_if_open_to_others(path: Path) -> None:
    """Raise ``ConfigError`` when somebody but its owner may read the file, or it is none."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path} is not a plain file; remove it.")
    if status.st_mode & 0o077:
        raise ConfigError(f"{path} can be read by others; run: chmod 600 {path}")


def signature(path: Path) -> Signature:
    """What changes when the file does."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ctime_ns, status.st_size, status.st_ino


def _record(entry: dict[str, Any]) -> TokenRecord:
    name, scopes = str(entry["name"]), frozenset(map(str, entry["scopes"])) & frozenset(SCOPES)
    if {"control", "confirm"} <= scopes:
        _log.warning("token_scope_ignored", token=name, scope="confirm", detail="who starts calls must not approve their actions")
        scopes -= {"confirm"}
    expires, agents = entry.get("expires"), entry.get("agents")
    return TokenRecord(
        name=name,
        scopes=scopes,
        created=str(entry.get("created", "")),
        digest=bytes.fromhex(entry["sha256"]),
        agents=None if agents is None else frozenset(map(str, agents)),
        expires_at=None if expires is None else datetime.fromisoformat(str(expires)).timestamp(),
    )


def _block(record: TokenRecord) -> str:
    lines = ["[[token]]", f"name = {json.dumps(record.name)}", f"scopes = {json.dumps(sorted(record.scopes))}"]
    if record.agents is not None:
        lines.append(f"agents = {json.dumps(sorted(record.agents))}")
    lines.append(f'created = "{record.created}"')
    if record.expires_at is not None:
        lines.append(f'expires = "{rfc3339(record.expires_at)}"')
    return "\n".join([*lines, f'sha256 = "{record.digest.hex()}"', ""])
