"""Beam search: the likeliest sequence of tokens, looking further than one token ahead."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Step = Callable[[list[int], list[int]], NDArray[np.float32]]
"""Extend hypotheses: the token to add to each, and which hypothesis of the step before each comes from.

Gives the logits of what may follow, one row for each.
"""


@dataclass(frozen=True, slots=True)
class _Hypothesis:
    """Tokens so far, and the logarithm of their probability."""

    tokens: tuple[int, ...]
    log_probability: float

    @property
    def score(self) -> float:
        """Per token, or the shortest would always win; the end counts as one."""
        return self.log_probability / max(1, len(self.tokens))


def search(step: Step, *, begin: int, end: int, width: int, longest: int) -> tuple[int, ...]:
    """The best sequence that begins after ``begin`` and ends at ``end``, both left out.

    Args:
        step: the model.
        begin: the token to start from.
        end: the token that ends a sequence.
        width: hypotheses followed at once.
        longest: tokens after which the best unfinished hypothesis is taken.
    """
    live = [_Hypothesis((), 0.0)]
    parents = [0]
    done: _Hypothesis | None = None
    for _ in range(longest):
        rows = step([hypothesis.tokens[-1] if hypothesis.tokens else begin for hypothesis in live], parents)
        grown: list[_Hypothesis] = []
        grown_from: list[int] = []
        for parent, token, log_probability in _best(live, rows, 2 * width):  # twice: each may end and go on
            hypothesis = _Hypothesis((*live[parent].tokens, token), log_probability)
            if token != end:
                grown.append(hypothesis)
                grown_from.append(parent)
            elif done is None or hypothesis.score > done.score:
                done = hypothesis
            if len(grown) == width:
                break
        live, parents = grown, grown_from
        if done is not None and done.score >= max(hypothesis.score for hypothesis in live):
            return done.tokens[:-1]
    best = max(live, key=lambda hypothesis: hypothesis.score)
    return done.tokens[:-1] if done is not None and done.score >= best.score else best.tokens


def _best(live: list[_Hypothesis], logits: NDArray[np.float32], count: int) -> list[tuple[int, int, float]]:
    """The ``count`` likeliest continuations as (hypothesis, token, log probability), best first."""
    count = min(count, logits.shape[1])
    top = np.argpartition(logits, -count, axis=1)[:, -count:]
    highest = logits.max(axis=1, keepdims=True)
    normaliser = highest + np.log(np.exp(logits - highest).sum(axis=1, keepdims=True))
    gains = np.take_along_axis(logits, top, axis=1) - normaliser
    found = [
        (parent, int(token), live[parent].log_probability + float(gain))
        for parent in range(len(live))
        for token, gain in zip(top[parent], gains[parent], strict=True)
    ]
    return sorted(found, key=lambda each: -each[2])[:count]
