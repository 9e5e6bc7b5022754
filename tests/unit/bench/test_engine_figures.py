import pytest

from bench.engine.figures import Spread, Table, percentile, slope, spread_cells
from bench.engine.report import replaced


def test_a_spread_tells_median_and_nearest_rank_percentile() -> None:
    spread = Spread.of(range(1, 101))
    assert spread is not None
    assert (spread.count, spread.median, spread.p95, spread.least, spread.most) == (100, 50.5, 95, 1, 100)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 10.0), (0.5, 20.0), (0.95, 30.0), (1.0, 30.0)])
def test_a_percentile_is_one_of_the_values(share: float, expected: float) -> None:
    assert percentile([10.0, 20.0, 30.0], share) == expected


def test_nothing_has_no_spread() -> None:
    assert Spread.of([]) is None
    assert spread_cells([]) == ("0", "-", "-", "-", "-")


def test_the_slope_is_that_of_the_nearest_line() -> None:
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == pytest.approx(2.0)
    assert slope([(0.0, 5.0)]) == 0.0


def test_a_table_lines_its_columns_up_and_puts_notes_below() -> None:
    table = Table("key", "Title", ("what", "ms"), [("a long name", "1"), ("b", "1000")], ["A note."])
    assert table.markdown() == (
        "| what        | ms   |\n| ----------- | ---- |\n| a long name | 1    |\n| b           | 1000 |\n\nA note."
    )


def test_a_report_replaces_its_own_place_only() -> None:
    text = "a\n<!-- bench:x -->\nold\n<!-- /bench:x -->\nb\n<!-- bench:y -->\n<!-- /bench:y -->\n"
    assert replaced(text, "x", r"new \1") == text.replace("old", r"new \1")


def test_a_report_without_a_place_is_an_error() -> None:
    with pytest.raises(ValueError, match="no place for 'z'"):
        replaced("text", "z", "new")
