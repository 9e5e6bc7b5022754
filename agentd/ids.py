"""Identifiers: session slugs, time-sortable run ids (ULID) and request ids."""

import re
import secrets
import time
from typing import Final

_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_SESSION_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\Z")
_RUN_ID: Final = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}\Z")
_RANDOM_BITS: Final = 80


def is_session_id(text: str) -> bool:
    """True for a caller's slug: ``[a-z0-9][a-z0-9_-]{0,63}``."""
    return _SESSION_ID.match(text) is not None


def is_run_id(text: str) -> bool:
    """True for a run id: a 26-character upper-case ULID, which is never a legal session id."""
    return _RUN_ID.match(text) is not None


def new_session_id() -> str:
    """A generated slug such as ``s-3f9a1c0b2d``."""
    return f"s-{secrets.token_hex(5)}"


def new_request_id() -> str:
    """An id for one HTTP request, as it stands in logs and problem documents."""
    return secrets.token_hex(8)


class RunIds:
    """Makes ULIDs (github.com/ulid/spec) that sort in the order they were made, also within a millisecond."""

    def __init__(self) -> None:
        self._last = 0

    def new(self) -> str:
        """The next run id."""
        now = (time.time_ns() // 1_000_000) << _RANDOM_BITS
        value = max(now | secrets.randbits(_RANDOM_BITS), self._last + 1)
        self._last = value
        return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))
