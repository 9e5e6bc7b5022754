"""The tokens in the state folder: made at the first start, kept as hashes, readable by their owner alone."""

import hmac
import json
import os
import re
import secrets
import stat
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from agentd.clock import rfc3339
from agentd.door.grants import Grants
from agentd.door.identity import FIRST_TOKEN_SCOPES, SCOPES, Identity, digest, key_of
from agentd.errors import ConfigError, Forbidden

_log = structlog.get_logger("agentd.door")

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is known of one token: never the token itself."""

    name: str
    scopes: frozenset[str]
    created: str
    digest: bytes


class TokenStore:
    """Tokens in the state folder: ``token`` and ``auth`` (the first one, for people and curl), ``tokens.toml`` (hashes).

    Safe to use from the command line while the daemon runs: the daemon notices a changed ``tokens.toml``.
    """

    def __init__(self, state_dir: Path, *, grants: Grants | None = None) -> None:
        self.state_dir = state_dir
        self.token_file = state_dir / "token"
        self.auth_file = state_dir / "auth"
        self.tokens_file = state_dir / "tokens.toml"
        self._grants = grants if grants is not None else Grants()
        self._first: TokenRecord | None = None
        self._others: tuple[TokenRecord, ...] = ()
        self._seen: tuple[int, int, int] | None = None

    def load_or_create(self) -> None:
        """Read the tokens; make the first one when there is none.

        Raises:
            ConfigError: a file cannot be read or written, or others than its owner may read it.
        """
        try:
            self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (self.token_file, self.auth_file, self.tokens_file):
                _refuse_if_open_to_others(path)
            if not self.token_file.exists():
                _write_private(self.token_file, secrets.token_urlsafe(32) + "\n")
            token = self.token_file.read_text(encoding="ascii").strip()
            if len(token) < 16:
                raise ConfigError(f"{self.token_file} holds no usable token; delete it and a new one is made.")
            auth = f"Authorization: Bearer {token}\n"
            if not self.auth_file.exists() or self.auth_file.read_text(encoding="ascii") != auth:
                _write_private(self.auth_file, auth)
            created = rfc3339(self.token_file.stat().st_mtime)
            self._first = TokenRecord("first", FIRST_TOKEN_SCOPES, created, digest(token))
            self._others, self._seen = self._read()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot use the tokens in {self.state_dir}: {error}.") from error

    def list(self) -> list[TokenRecord]:
        """Every token, the first one first."""
        return [*([self._first] if self._first else []), *self._others]

    def verify(self, token: str) -> Identity | None:
        """Who holds ``token``; compared with every known hash, without an early exit."""
        self._refresh()
        presented = digest(token)
        found: Identity | None = None
        for record in self.list():
            if hmac.compare_digest(presented, record.digest):
                found = Identity(record.name, record.scopes, key_of(record.digest))
        return found or self._granted(token)

    def _granted(self, token: str) -> Identity | None:
        """The holder of a granted token: it ends with the token that granted it, and never allows more."""
        grant = self._grants.read(token)
        parent = next((record for record in self.list() if grant is not None and key_of(record.digest) == grant.holder), None)
        if grant is None or parent is None:
            return None
        holder = Identity(parent.name, parent.scopes)
        return Identity(
            parent.name, frozenset(scope for scope in grant.scopes if holder.allows(scope)), grant.holder, granted=True
        )

    def grant(self, holder: Identity, ttl_s: int, scopes: frozenset[str] | None = None) -> str:
        """A token for ``ttl_s`` seconds that allows what ``holder`` may do, or less.

        Raises:
            Forbidden: ``scopes`` asks for more than the holder has, or the holder itself has only such a token.
        """
        if holder.granted:
            raise Forbidden("A granted token cannot grant others; send the token that granted it.")
        lacking = sorted(scope for scope in scopes or () if not holder.allows(scope))
        if lacking:
            raise Forbidden(
                f"The token {holder.name!r} has scope {', '.join(sorted(holder.scopes))}; it cannot grant {', '.join(lacking)}."
            )
        return self._grants.issue(ttl_s, holder=holder.key, scopes=holder.scopes if scopes is None else scopes)

    def create(self, scopes: frozenset[str], name: str) -> str:
        """Make a token; its hash goes into ``tokens.toml``. The value is returned once and kept nowhere.

        Raises:
            ConfigError: an unknown scope, a name that does not fit, or a file that cannot be written.
        """
        unknown = sorted(scopes - frozenset(SCOPES))
        if unknown or not scopes:
            raise ConfigError(f"unknown scope {', '.join(unknown) or '(none given)'}; there are {', '.join(SCOPES)}.")
        if {"control", "confirm"} <= scopes:
            raise ConfigError("control and confirm belong on two tokens: who starts a call must not approve its guarded actions.")
        if _NAME.match(name) is None:
            raise ConfigError(f"{name!r} cannot be a token's name: letters, digits, spaces and . _ @ -, at most 64.")
        token = secrets.token_urlsafe(32)
        block = (
            f"[[token]]\nname = {json.dumps(name)}\nscopes = {json.dumps(sorted(scopes))}\n"
            f'created = "{rfc3339(time.time())}"\nsha256 = "{digest(token).hex()}"\n\n'
        )
        try:
            _refuse_if_open_to_others(self.tokens_file)
            descriptor = os.open(self.tokens_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            try:
                os.write(descriptor, block.encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise ConfigError(f"cannot write {self.tokens_file}: {error.strerror}.") from error
        self._refresh()
        return token

    def _refresh(self) -> None:
        """Read ``tokens.toml`` again when it changed; a file that cannot be read leaves the known tokens as they are."""
        if _signature(self.tokens_file) == self._seen:
            return
        try:
            _refuse_if_open_to_others(self.tokens_file)
            self._others, self._seen = self._read()
        except (OSError, ConfigError) as error:
            self._seen = _signature(self.tokens_file)
            _log.warning("tokens_not_reloaded", reason=str(error))

    def _read(self) -> tuple[tuple[TokenRecord, ...], tuple[int, int, int] | None]:
        seen = _signature(self.tokens_file)
        if seen is None:
            return (), None
        try:
            entries = tomllib.loads(self.tokens_file.read_text(encoding="utf-8")).get("token", [])
            records = tuple(
                TokenRecord(
                    name=str(entry["name"]),
                    scopes=frozenset(map(str, entry["scopes"])) & frozenset(SCOPES),
                    created=str(entry.get("created", "")),
                    digest=bytes.fromhex(entry["sha256"]),
                )
                for entry in entries
            )
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            raise ConfigError(f"{self.tokens_file} is not as `agentd token` writes it: {type(error).__name__}.") from error
        return records, seen


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _refuse_if_open_to_others(path: Path) -> None:
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise ConfigError(f"{path} is not a plain file; remove it.")
    if status.st_mode & 0o077:
        raise ConfigError(f"{path} can be read by others; run: chmod 600 {path}")


def _write_private(path: Path, text: str) -> None:
    """Write a file only its owner can read, whole or not at all."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    new.replace(path)
