import numpy as np
import pytest
from numpy.typing import NDArray

from agentd.engine.listen.beam import search

END = 0
Model = dict[tuple[int, ...], dict[int, float]]


def run(model: Model, *, width: int, longest: int = 8, vocabulary: int = 6) -> tuple[int, ...]:
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

    return search(step, begin=9, end=END, width=width, longest=longest)


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
