"""How long a silence may last before it ends the user's turn, by how finished the words look and by what the client wants.

Deepgram's listen v2 (Flux) has thresholds of a confidence that the turn is over (docs, "Flux configuration"). Here that
confidence grows with the silence, the quicker the more finished the words look:

    confidence(silence) = 1 - 0.3 ** (silence / wait)

so that it is 0.7, Deepgram's default ``eot_threshold``, when a silence has lasted for the wait of its kind.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentd.engine.providers import Ending

DEFAULT_THRESHOLD: Final = 0.7
"""``eot_threshold`` when the client does not say."""

EAGER_THRESHOLD: Final = 0.5
"""When a reply is thought ahead for listen v1, which has no threshold for it; for v2 only ``eager_eot_threshold`` turns it on."""

DEFAULT_TIMEOUT_MS: Final = 5000
"""``eot_timeout_ms`` when the client does not say."""

_SHARES: Final = {Ending.CLOSED: 0.35, Ending.OPEN: 1.0, Ending.UNFINISHED: 1.8}
"""Waits as multiples of the ordinary one."""


@dataclass(frozen=True, slots=True)
class Patience:
    """The waits of one conversation; all in milliseconds of silence.

    Attributes:
        ordinary_ms: the wait for words that may be all, at the default threshold (``[engine] endpointing_ms``).
        threshold: confidence that ends a turn; 1.0: only the time-out and ForceEndTurn do.
        eager: confidence at which a reply is thought ahead; None: never before the turn is over.
        timeout_ms: silence that ends any turn.
    """

    ordinary_ms: float
    threshold: float = DEFAULT_THRESHOLD
    eager: float | None = EAGER_THRESHOLD
    timeout_ms: float = DEFAULT_TIMEOUT_MS

    @classmethod
    def of(cls, provider: Mapping[str, Any], *, ordinary_ms: float) -> "Patience":
        """As ``agent.listen.provider`` of valid Settings asks for."""
        if provider.get("version", "v1") != "v2":
            return cls(ordinary_ms)
        return cls(
            ordinary_ms,
            threshold=float(provider.get("eot_threshold") or DEFAULT_THRESHOLD),
            eager=None if provider.get("eager_eot_threshold") is None else float(provider["eager_eot_threshold"]),
            timeout_ms=float(provider.get("eot_timeout_ms") or DEFAULT_TIMEOUT_MS),
        )

    def wait_ms(self, ending: Ending) -> float:
        """Silence that ends the turn."""
        return min(self.timeout_ms, self._reached_ms(ending, self.threshold))

    def eager_ms(self, ending: Ending) -> float | None:
        """Silence at which to begin to think; None: not ahead."""
        return None if self.eager is None else min(self.timeout_ms, self._reached_ms(ending, self.eager))

    @property
    def longest_ms(self) -> float:
        """Silence that ends a turn whose words are not known yet."""
        return self.wait_ms(Ending.UNFINISHED)

    def _reached_ms(self, ending: Ending, confidence: float) -> float:
        if confidence >= 1.0:
            return math.inf
        return self.ordinary_ms * _SHARES[ending] * math.log(1.0 - confidence) / math.log(1.0 - DEFAULT_THRESHOLD)
