"""The tokens in the state folder: made, verified, replaced, ended.

The command line works on the files while the daemon runs; the daemon notices at the next request, and within half a
second for what is open.
"""

import fcntl
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

import structlog

from agentd import log
from agentd.clock import rfc3339
from agentd.door.grants import Grants
from agentd.door.identity import FIRST_TOKEN_SCOPES, SCOPES, Identity, digest
from agentd.door.records import (
    Signature,
    TokenRecord,
    read_records,
    refuse_if_open_to_others,
    signature,
    write_private,
    write_records,
)
from agentd.errors import ConfigError, Forbidden

_log = structlog.get_logger("agentd.door")

FIRST: Final = "first"
"""The name of the daemon's own token."""

OVERLAP_S: Final = 3600.0
"""How long a replaced token stays valid when nobody says otherwise."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@-]{0,63}\Z")


class TokenStore:
    """Tokens in the state folder: ``token`` and ``auth`` (the first one, for people and curl), ``tokens.toml`` (hashes).

    Args:
        state_dir: the folder.
        clock: seconds since the epoch.
    """

    def __init__(self, state_dir: Path, *, clock: Callable[[], float] = time.time) -> None:
        self.state_dir = state_dir
        self.token_file = state_dir / "token"
        self.auth_file = state_dir / "auth"
        self.tokens_file = state_dir / "tokens.toml"
        self._clock = clock
        self._grants = Grants(clock)
        self._first: TokenRecord | None = None
        self._others: tuple[TokenRecord, ...] = ()
        self._seen: tuple[Signature, Signature] | None = None

    def load_or_create(self) -> None:
        """Read the tokens; make the first one when there is none.

        Raises:
            ConfigError: a file cannot be read or written, or others than its owner may read it.
        """
        try:
            self.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (self.token_file, self.auth_file, self.tokens_file):
                refuse_if_open_to_others(path)
            if not self.token_file.exists():
                self._write_first(secrets.token_urlsafe(32))
            self._load()
            self._write_auth()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot use the tokens in {self.state_dir}: {error}.") from error

    def list(self) -> list[TokenRecord]:
        """Every token that is valid, the first one first."""
        known = [*([self._first] if self._first else []), *self._others]
        return [record for record in known if record.valid(self._clock())]

    # at every request

    def verify(self, token: str) -> Identity | None:
        """Who holds ``token``; compared with every known hash, without an early exit."""
        self.refresh()
        presented = digest(token)
        found: Identity | None = None
        for record in self.list():
            if hmac.compare_digest(presented, record.digest):
                found = record.identity
        return found or self._granted(token)

    def knows(self, holder: Identity) -> bool:
        """True while the holder's token is valid, with all it was let in with. A grant's time is not asked: it opened in time."""
        self.refresh()
        return any(
            record.identity.key == holder.key
            and holder.agents == record.agents
            and all(map(record.identity.allows, holder.scopes))
            for record in self.list()
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

    def refresh(self) -> None:
        """Read the files again when they changed; files that cannot be read leave the known tokens as they are."""
        if self._seen == (seen := self._signatures()):
            return
        try:
            self._load()
        except (OSError, UnicodeDecodeError, ConfigError) as error:
            self._seen = seen
            _log.warning("tokens_not_reloaded", reason=str(error))

    # by the command line

    def create(self, scopes: frozenset[str], name: str | None = None, *, agents: frozenset[str] | None = None) -> str:
        """Make a token; its hash goes into ``tokens.toml``. The value is returned once and kept nowhere.

        Args:
            scopes: what it allows.
            name: whose it is; ``cli``, ``cli-2`` … when left out.
            agents: the agents it is for; None for all.

        Raises:
            ConfigError: an unknown scope, a name that is taken or does not fit, or a file that cannot be written.
        """
        _check(scopes, name, agents)
        token = secrets.token_urlsafe(32)
        with self._changing():
            taken = {record.name for record in self.list()}
            if name in taken:
                raise ConfigError(f"There is a token {name!r}; `agentd token rotate {name}` replaces it, `revoke` ends it.")
            name = name or next(free for n in count(1) if (free := "cli" if n == 1 else f"cli-{n}") not in taken)
            made = TokenRecord(name, scopes, rfc3339(self._clock()), digest(token), agents)
            write_records(self.tokens_file, [*self._others_valid(), made])
        return token

    def rotate(self, name: str, *, overlap_s: float = OVERLAP_S) -> str:
        """Replace a token by a new one that may do the same; the old one stays valid for ``overlap_s`` seconds.

        Two tokens of a name are valid at most: one that was replaced before ends now. The new first token stands in the
        files ``token`` and ``auth``, as the old one did.

        Raises:
            ConfigError: there is no such token, or a file cannot be written.
        """
        token = secrets.token_urlsafe(32)
        with self._changing():
            old = self._present(name)
            new = replace(old, digest=digest(token), created=rfc3339(self._clock()))
            ending = [replace(old, expires_at=self._clock() + overlap_s)] if overlap_s > 0 else []
            others = [record for record in self._others_valid() if record.name != name]
            write_records(self.tokens_file, [*others, *ending, *([] if name == FIRST else [new])])
            if name == FIRST:
                self._write_first(token)
        return token

    def revoke(self, name: str) -> None:
        """End a token now, and those it replaced; what it holds open is closed within a second.

        Raises:
            ConfigError: there is no such token, it is the first one, or a file cannot be written.
        """
        with self._changing():
            if name == FIRST and self._first is not None:
                raise ConfigError(
                    "The daemon always has a first token. `agentd token rotate first --overlap-s 0` ends it and makes another."
                )
            self._present(name)
            write_records(self.tokens_file, [record for record in self._others_valid() if record.name != name])

    # inside

    def _granted(self, token: str) -> Identity | None:
        """The holder of a granted token: it ends with the token that granted it, and never allows more."""
        grant = self._grants.read(token)
        if grant is None:
            return None
        for parent in (record.identity for record in self.list()):
            if parent.key == grant.holder:
                return replace(parent, scopes=frozenset(filter(parent.allows, grant.scopes)), granted=True)
        return None

    def _present(self, name: str) -> TokenRecord:
        """The token of that name that was not replaced."""
        for record in self.list():
            if record.name == name and record.expires_at is None:
                return record
        names = ", ".join(sorted({record.name for record in self.list()}))
        raise ConfigError(f"There is no token {name!r}; there are {names}.")

    def _others_valid(self) -> Sequence[TokenRecord]:
        return [record for record in self._others if record.valid(self._clock())]

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the folder's lock, with the files as they are now: two commands at once must not undo each other."""
        try:
            folder = os.open(self.state_dir, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                self._load()
                yield
                os.fsync(folder)
                self._load()
            finally:
                os.close(folder)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot change the tokens in {self.state_dir}: {error}.") from error

    def _load(self) -> None:
        seen = self._signatures()
        refuse_if_open_to_others(self.token_file)
        self._first = self._read_first()
        self._others = read_records(self.tokens_file)
        self._seen = seen

    def _read_first(self) -> TokenRecord | None:
        try:
            token = self.token_file.read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None
        if len(token) < 16:
            raise ConfigError(f"{self.token_file} holds no usable token; delete it and a new one is made.")
        log.add_secret(token)
        return TokenRecord(FIRST, FIRST_TOKEN_SCOPES, rfc3339(self.token_file.stat().st_mtime), digest(token))

    def _write_first(self, token: str) -> None:
        write_private(self.token_file, f"{token}\n")
        self._write_auth()

    def _write_auth(self) -> None:
        """The first token once more, as the header that ``curl -H @file`` sends."""
        auth = f"Authorization: Bearer {self.token_file.read_text(encoding='ascii').strip()}\n"
        if not self.auth_file.exists() or self.auth_file.read_text(encoding="ascii") != auth:
            write_private(self.auth_file, auth)

    def _signatures(self) -> tuple[Signature, Signature]:
        return signature(self.token_file), signature(self.tokens_file)


def _check(scopes: frozenset[str], name: str | None, agents: frozenset[str] | None) -> None:
    """Raise ``ConfigError`` for a token nobody should have."""
    unknown = sorted(scopes - frozenset(SCOPES))
    if unknown or not scopes:
        raise ConfigError(f"unknown scope {', '.join(unknown) or '(none given)'}; there are {', '.join(SCOPES)}.")
    if {"control", "confirm"} <= scopes:
        raise ConfigError("control and confirm belong on two tokens: who starts a call must not approve its guarded actions.")
    if agents is not None and "admin" in scopes:
        raise ConfigError("admin is for the whole daemon; a token for single agents cannot have it.")
    if agents is not None and not agents:
        raise ConfigError("a token for no agent opens nothing; name one, or leave agents out.")
    if name is not None and _NAME.match(name) is None:
        raise ConfigError(f"{name!r} cannot be a token's name: letters, digits, spaces and . _ @ -, at most 64.")
    if name == FIRST:
        raise ConfigError("first is the name of the daemon's own token; take another.")
