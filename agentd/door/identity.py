"""Holders of tokens and what they may do."""

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from agentd.errors import Forbidden

SCOPES: Final = ("control", "read", "transcripts", "metrics", "confirm", "admin")
FIRST_TOKEN_SCOPES: Final = frozenset(SCOPES) - {"confirm"}
"""Whoever starts a conversation must not be able to approve its guarded calls."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The holder of a token.

    Attributes:
        name: whose token it is; a granted token has the name of the one that granted it, and shares its limits.
        scopes: what it allows.
        agents: the agents whose conversations it may see and start; None for all.
        key: names the token itself in the daemon's memory and in grants, without giving it away.
        granted: it is a token for a moment, which cannot grant others.
    """

    name: str
    scopes: frozenset[str]
    agents: frozenset[str] | None = None
    key: str = field(default="", compare=False)
    granted: bool = False

    def allows(self, scope: str) -> bool:
        """True when the token has ``scope``; ``control`` implies ``read``, nothing else implies anything."""
        return scope in self.scopes or (scope == "read" and "control" in self.scopes)

    def serves(self, agent: str) -> bool:
        """True when the token is for conversations with ``agent``."""
        return self.agents is None or agent in self.agents


def require(identity: Identity, scope: str) -> None:
    """Raise ``Forbidden`` unless the token allows ``scope``."""
    if not identity.allows(scope):
        raise Forbidden(
            f"The token {identity.name!r} has scope {', '.join(sorted(identity.scopes)) or 'none'}; this needs {scope}. "
            f"`agentd token --scope {scope}` makes one."
        )


def fixed_key(key: str, *, name: str, scopes: frozenset[str] = frozenset(SCOPES)) -> Callable[[str], Identity | None]:
    """A ``verify`` for one key that is known beforehand (the engine's)."""
    known, identity = digest(key), Identity(name, scopes)
    return lambda token: identity if hmac.compare_digest(digest(token), known) else None


def key_of(token_digest: bytes) -> str:
    """What names a token in grants: a hash of its hash, so that a grant holds nothing a token could be found by."""
    return hashlib.sha256(b"agentd token key" + token_digest).hexdigest()[:32]


def digest(token: str) -> bytes:
    """What is kept of a token: its SHA-256. A token has 256 random bits, so nothing slower is needed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
