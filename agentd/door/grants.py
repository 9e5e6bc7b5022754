"""Tokens for a moment: what ``POST /v1/auth/grant`` gives, so that a web page gets in without ever seeing the key.

A token is a JSON Web Token (RFC 7519), which clients may read to learn when it ends. It is signed with a secret of this
process, so nothing is kept about it, and all of them end with the process. The daemon's grants and the engine's are the same.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import orjson

from agentd.protocol.checks import is_number

DEFAULT_TTL_S: Final = 30
MAX_TTL_S: Final = 3600
"""Bounds of ``ttl_seconds``, from 1 (Deepgram docs, "Token-based authentication"; deepgram-sdk 4.8 checks the same)."""

_HEADER: Final = {"alg": "HS256", "typ": "JWT"}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a granted token says.

    Attributes:
        holder: the ``key`` of the token that granted it.
        scopes: what it allows at most; the granting token's own scopes bound it further.
    """

    holder: str
    scopes: frozenset[str]


class Grants:
    """Makes and knows the granted tokens of one process.

    Args:
        clock: seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._secret = secrets.token_bytes(32)

    def issue(self, ttl_s: int, *, holder: str = "", scopes: Iterable[str] = ("usage:write",)) -> str:
        """A token that is valid for ``ttl_s`` seconds from now.

        Args:
            ttl_s: its life.
            holder: whose grant it is.
            scopes: what it allows; the one scope that Deepgram's own have when left out.
        """
        now = int(self._clock())
        claims = {"jti": secrets.token_urlsafe(16), "iat": now, "exp": now + ttl_s, "sub": holder, "scp": sorted(scopes)}
        signed = f"{_encoded(orjson.dumps(_HEADER))}.{_encoded(orjson.dumps(claims))}"
        return f"{signed}.{_encoded(self._signature(signed))}"

    def read(self, token: str) -> Grant | None:
        """What the token says; None when it is not one of ours, or its time is over."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(_encoded(self._signature(signed)).encode(), signature.encode("utf-8", "surrogateescape")):
            return None
        claims = _decoded(signed.partition(".")[2])
        if self._clock() >= claims["exp"]:
            return None
        return Grant(claims["sub"], frozenset(claims["scp"]))

    def _signature(self, signed: str) -> bytes:
        return hmac.digest(self._secret, signed.encode("utf-8", "surrogateescape"), hashlib.sha256)


def ttl_of(body: bytes) -> int:
    """``ttl_seconds`` of a grant request, whose body may be left out.

    Raises:
        ValueError: it is none; the text says what is accepted.
    """
    try:
        wish = orjson.loads(body) if body.strip() else {}
    except orjson.JSONDecodeError:
        raise ValueError("The body is not JSON.") from None
    if not isinstance(wish, dict):
        raise ValueError("The body must be a JSON object.")  # noqa: TRY004 - the caller's fault, like every other here
    ttl = wish.get("ttl_seconds")
    if ttl is None:
        return DEFAULT_TTL_S
    if not is_number(ttl) or ttl != ttl // 1 or not 1 <= ttl <= MAX_TTL_S:
        raise ValueError(f"ttl_seconds must be a whole number of seconds from 1 to {MAX_TTL_S}.")
    return int(ttl)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> dict[str, Any]:
    """The claims of a token whose signature is ours."""
    claims: dict[str, Any] = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return claims
