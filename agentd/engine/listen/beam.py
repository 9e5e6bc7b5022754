"""Beam search: the likeliest sequence of tokens, looking further than one token ahead."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

Step = Callable[[list[int], list[int]], NDArray[np.float32]]
"""Extend hypotheses: the token to add to each, and which hypothesis of the step before each comes from.

Gives the logits of what may follow, one row for each.
"""

_CANDIDATES: Final = 12
"""Tokens looked at after each hypothesis when some are favoured: a favour lifts no token that the model finds absurd."""


class Favour(Protocol):
    """What makes some sequences likelier than the model finds them (shallow fusion)."""

    @property
    def begin(self) -> Any:
        """Where a sequence stands before its first token; the search does not look into it."""
        ...

    def follow(self, state: Any, token: int) -> tuple[Any, float]:
        """Where it stands after ``token``, and what that adds to its logarithmic probability; taken back later, below 0."""
        ...

    def close(self, state: Any) -> float:
        """What the end of the sequence adds."""
        ...


class _Nothing:
    """No favour at all."""

    begin = None

    def follow(self, state: None, token: int) -> tuple[None, float]:
        return None, 0.0

    def close(self, state: None) -> float:
        return 0.0


@dataclass(frozen=True, slots=True)
class Found:
    """The best sequence.

    Attributes:
        tokens: it, without the tokens it begins after and ends at.
        confidence: geometric mean of the probabilities that the model alone gave its tokens, 0 to 1.
    """

    tokens: tuple[int, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """Tokens so far, the logarithm of their probability, and what was added to it."""

    tokens: tuple[int, ...]
    log_probability: float
    favour: float
    state: Any

    @property
    def score(self) -> float:
        """Per token, or the shortest would always win; the end counts as one."""
        return (self.log_probability + self.favour) / max(1, len(self.tokens))


def search(step: Step, *, begin: int, end: int, width: int, longest: int, favour: Favour | None = None) -> Found:
    """The best sequence that begins after ``begin`` and ends at ``end``.

    Args:
        step: the model.
        begin: the token to start from.
        end: the token that ends a sequence.
        width: hypotheses followed at once.
        longest: tokens after which the best unfinished hypothesis is taken.
        favour: makes some sequences likelier.
    """
    candidates = 2 * width if favour is None else max(2 * width, _CANDIDATES)  # twice: each may end and go on
    favour = favour or _Nothing()
    live = [_Hypothesis((), 0.0, 0.0, favour.begin)]
    parents = [0]
    done: _Hypothesis | None = None
    for _ in range(longest):
        rows = step([hypothesis.tokens[-1] if hypothesis.tokens else begin for hypothesis in live], parents)
        grown: list[_Hypothesis] = []
        grown_from: list[int] = []
        for parent, hypothesis in _best(live, rows, candidates, favour, end):
            if hypothesis.tokens[-1] != end:
                grown.append(hypothesis)
                grown_from.append(parent)
            elif done is None or hypothesis.score > done.score:
                done = hypothesis
            if len(grown) == width:
                break
        live, parents = grown, grown_from
        if done is not None and done.score >= max(hypothesis.score for hypothesis in live):
            break
    best = max(live, key=lambda hypothesis: hypothesis.score)
    if done is not None and done.score >= best.score:
        best = done
    confidence = math.exp(best.log_probability / max(1, len(best.tokens)))
    return Found(best.tokens[:-1] if best is done else best.tokens, confidence)


def _best(
    live: list[_Hypothesis], logits: NDArray[np.float32], count: int, favour: Favour, end: int
) -> list[tuple[int, _Hypothesis]]:
    """The likeliest continuations of every hypothesis, each with its parent's place; best first."""
    count = min(count, logits.shape[1])
    top = np.argpartition(logits, -count, axis=1)[:, -count:]
    highest = logits.max(axis=1, keepdims=True)
    normaliser = highest + np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
    gains = np.take_along_axis(logits, top, axis=1) - normaliser
    found: list[tuple[int, _Hypothesis]] = []
    for place, parent in enumerate(live):
        for token, gain in zip(top[place].tolist(), gains[place].tolist(), strict=True):
            if token == end:
                state, added = parent.state, favour.close(parent.state)
            else:
                state, added = favour.follow(parent.state, token)
            found.append(
                (place, _Hypothesis((*parent.tokens, token), parent.log_probability + gain, parent.favour + added, state))
            )
    return sorted(found, key=lambda each: -(each[1].log_probability + each[1].favour))
