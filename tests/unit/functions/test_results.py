import pytest

from agentd.functions.workers.encoding import Unanswerable, encode


@pytest.mark.parametrize(("result", "text"), [(None, b"null"), ("ä", b'"\xc3\xa4"'), ({"a": [1.5]}, b'{"a":[1.5]}')])
def test_results_become_json(result: object, text: bytes) -> None:
    assert encode(result, 100) == text


@pytest.mark.parametrize("result", [object(), float("nan"), {"t": float("inf")}, "x" * 101, "\ud800"])
def test_what_no_model_can_be_told_is_unanswerable(result: object) -> None:
    with pytest.raises(Unanswerable):
        encode(result, 100)
