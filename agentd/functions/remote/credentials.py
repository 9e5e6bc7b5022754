"""Values that stand in no configuration file: ``{ credential = "name" }`` anywhere in a table of ``[functions.*]``.

The daemon reads them from ``$CREDENTIALS_DIRECTORY/name`` (systemd: ``LoadCredential=``), else from
``<state_dir>/credentials/name``. What was read is kept out of the log from then on.
"""

import os
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from agentd import log
from agentd.config.functions import Credential

MAX_BYTES: Final = 65_536


class CredentialMissing(Exception):
    """A credential that cannot be had; the text says what to do."""


class Credentials:
    """Where credentials lie.

    Args:
        ours: a folder of the daemon's, whose files nobody else may read; None if there is none.
        environ: for ``$CREDENTIALS_DIRECTORY``, which the service manager guards.

    Attributes:
        seen: every value that was read.
    """

    def __init__(self, ours: Path | None, environ: Mapping[str, str] = os.environ) -> None:
        given = environ.get("CREDENTIALS_DIRECTORY")
        self._given = Path(given) if given else None
        self._ours = ours
        self.seen: set[str] = set()

    def read(self, wanted: Credential) -> str:
        """The value, with its prefix. Blocking: a small file.

        Raises:
            CredentialMissing: there is none, or somebody else may read it.
        """
        value = self._value(wanted.credential)
        log.add_secret(value)
        self.seen.add(value)
        return wanted.prefix + value

    def resolve(self, value: Any) -> Any:
        """A table, list or value with every ``{ credential = "name" }`` in it replaced. Blocking: small files.

        Raises:
            CredentialMissing: one of them cannot be had.
        """
        if isinstance(value, Credential):
            return self.read(value)
        if isinstance(value, Mapping):
            if isinstance(value.get("credential"), str) and value.keys() <= {"credential", "prefix"}:
                try:
                    wanted = Credential(**value)
                except ValueError:
                    raise CredentialMissing(f"{value['credential']!r:.80} is no name of a credential") from None
                return self.read(wanted)
            return {key: self.resolve(item) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self.resolve(item) for item in value]
        return value

    def _value(self, name: str) -> str:
        if self._given is not None and (self._given / name).exists():
            return _text(_bytes(self._given / name), self._given / name)
        if self._ours is None:
            raise CredentialMissing(f"the credential {name} is not among those of the service manager (LoadCredential={name}:…)")
        path = self._ours / name
        try:
            return _text(_bytes(path, private=True), path)
        except FileNotFoundError:
            make = f'install -D -m 600 /dev/stdin "{path}"'
            raise CredentialMissing(f"the credential {name} is missing; make the file {path} (mode 0600): {make}") from None


def resolved(
    tables: Mapping[str, Mapping[str, Any]], names: Collection[str], credentials: Credentials
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """The tables of these names with their credentials, and of those that lack one, why. Blocking: small files."""
    good: dict[str, dict[str, Any]] = {}
    missing: dict[str, str] = {}
    for name in names:
        try:
            good[name] = credentials.resolve(tables.get(name, {}))
        except CredentialMissing as fault:
            missing[name] = f"[functions.{name}]: {fault}"
    return good, missing


def without(value: Any, secrets: Collection[str]) -> Any:
    """A JSON value in which the secrets are masked: some services send back what they are sent."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, log.MASK)
        return value
    if isinstance(value, dict):
        return {without(key, secrets): without(item, secrets) for key, item in value.items()}
    return [without(item, secrets) for item in value] if isinstance(value, list) else value


def _bytes(path: Path, *, private: bool = False) -> bytes:
    """What the file holds; judged by its descriptor, so that nothing is swapped in between."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise CredentialMissing(f"the credential {path} cannot be read: {error.strerror}") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise CredentialMissing(f"the credential {path} is not a file of at most {MAX_BYTES} bytes")
        if private and status.st_uid != os.geteuid():
            raise CredentialMissing(f"the credential {path} belongs to user {status.st_uid}; chown it to the daemon's own user")
        if private and status.st_mode & 0o077:
            raise CredentialMissing(f"others may read the credential {path}; chmod 600 it")
        return os.read(descriptor, MAX_BYTES)
    finally:
        os.close(descriptor)


def _text(content: bytes, path: Path) -> str:
    """One line, or several as they are (a key); the line end that editors add is not part of it."""
    try:
        value = content.decode().strip("\r\n")
    except UnicodeDecodeError:
        raise CredentialMissing(f"the credential {path} is not UTF-8 text") from None
    if not value:
        raise CredentialMissing(f"the credential {path} is empty")
    return value
