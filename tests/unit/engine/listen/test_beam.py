import numpy as np
import pytest
from numpy.typing import NDArray

from agentd.engine.listen.beam import Favour, Found, search

END = 0
Model = dict[tuple[int, ...], dict[int, float]]


def run(model: Model, *, width: int, longest: int = 8, vocabulary: int = 6, favour: Favour | None = None) -> tuple[int, ...]:
    return find(model, width=width, longest=longest, vocabulary=vocabulary, favour=favour).tokens


def find(model: Model, *, width: int, longest: int = 8, vocabulary: int = 6, favour: Favour | None = None) -> Found:
    """Search a model that is a table: after these tokens (the begin left out), these probabilities."""
    histories: list[tuple[int, ...]] = [()]

    def step(tokens: list[int], parents: list[int]) -> NDArray[np.float32]:
        nonlocal histories
        histories = [() if token == 9 else (*histories[parent], token) for token, parent in zip(tokens, parents, strict=True)]
        rows = np.full((len(tokens), vocabulary), 1e-9)
        for row, history in zip(rows, histories, strict=True):
            for token, probability in model.get(history, {END: 1.0}).items():
                row[token] = probability
        logits: NDArray[np.float32] = (np.log(rows) + 3.0).astype(np.float32)  # logits are known up to a constant
        return logits

    return search(step, begin=9, end=END, width=width, longest=longest, favour=favour)


TEMPTING: Model = {
    (): {1: 0.6, 2: 0.4},
    (1,): {3: 0.4, 4: 0.3, 5: 0.3},
    (2,): {3: 1.0},
}
"""The likeliest first token leads astray: (1, 3) has 0.24, (2, 3) has 0.4."""


def test_a_beam_of_one_takes_the_likeliest_token_each_time() -> None:
    assert run(TEMPTING, width=1) == (1, 3)


def test_a_wider_beam_finds_the_likelier_whole() -> None:
    assert run(TEMPTING, width=2) == (2, 3)


def test_a_short_sequence_does_not_win_for_being_short() -> None:
    model: Model = {(): {END: 0.3, 1: 0.7}, (1,): {2: 0.7, 3: 0.3}, (1, 2): {3: 0.8, 4: 0.2}}
    assert run(model, width=2) == (1, 2, 3)


def test_an_immediate_end_gives_nothing() -> None:
    assert run({(): {END: 0.99, 1: 0.01}}, width=2) == ()


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_decoder_that_repeats_itself_is_cut(width: int) -> None:
    endless: Model = {(1,) * n: {1: 0.9, 2: 0.1} for n in range(20)}
    assert run(endless, width=width, longest=5) == (1, 1, 1, 1, 1)


def test_a_vocabulary_smaller_than_the_beam_is_no_trouble() -> None:
    assert run({(): {1: 1.0}}, width=4, vocabulary=2) == (1,)


class FavourOf:
    """Adds 1 nat for every token of one kind, and takes it all back when another follows."""

    begin = 0.0

    def __init__(self, token: int, then: int | None = None) -> None:
        self.token, self.then = token, then

    def follow(self, state: float, token: int) -> tuple[float, float]:
        if token == self.token:
            return state + 1.0, 1.0
        return (0.0, -state) if self.then not in (None, token) else (0.0, 0.0)

    def close(self, state: float) -> float:
        return 0.0 if self.then is None else -state


def test_a_favoured_sequence_wins_where_the_model_hesitates() -> None:
    model: Model = {(): {1: 0.5, 2: 0.3, 3: 0.2}}
    assert run(model, width=2) == (1,)
    assert run(model, width=2, favour=FavourOf(2)) == (2,)


def test_a_favour_does_not_win_against_what_the_model_is_sure_of() -> None:
    assert run({(): {1: 0.9, 2: 0.05, 3: 0.05}}, width=2, favour=FavourOf(2)) == (1,)


def test_a_favour_that_comes_to_nothing_is_paid_back() -> None:
    model: Model = {(): {1: 0.5, 2: 0.3, 3: 0.2}, (2,): {4: 1.0}}
    assert run(model, width=2, favour=FavourOf(2, then=4)) == (2, 4)
    assert run(model, width=2, favour=FavourOf(2, then=5)) == (1,)


def test_confidence_is_the_mean_probability_of_a_token_in_the_models_eyes_alone() -> None:
    model: Model = {(): {1: 0.64, 2: 0.36}, (1,): {END: 1.0}}
    assert find(model, width=2).confidence == pytest.approx(0.8)
    assert find(model, width=2, favour=FavourOf(2)).confidence == pytest.approx(0.6)
