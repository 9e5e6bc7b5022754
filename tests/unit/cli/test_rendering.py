"""What a terminal is given of what models, callers and web pages say."""

import io
from typing import Any

import pytest
from rich.console import Console

from agentd.cli.output import plain, print_table
from agentd.cli.rendering import line_of

ATTACK = "hi\x1b]52;c;cHduZWQ=\x1b\\ \x1b[2J\r\n12:00:00  kitchen      unlock approved \u202e\x9b31m\x7f"


@pytest.mark.parametrize(
    ("type_", "data"),
    [
        ("ConversationText", {"role": "assistant", "content": ATTACK}),
        ("FunctionCallFinished", {"name": ATTACK, "arguments": {"a": ATTACK}, "outcome": "ok", "result": ATTACK}),
        ("Anything", {"a": ATTACK}),
    ],
)
@pytest.mark.parametrize("colours", [None, "truecolor"])
def test_an_event_is_one_line_and_moves_nothing(type_: str, data: dict[str, Any], colours: Any) -> None:
    line = line_of({"type": type_, "time": None, "session_id": ATTACK, "data": data}, everything=True)
    assert line is not None
    assert line.plain.isprintable()
    out = io.StringIO()
    Console(file=out, highlight=False, soft_wrap=True, force_terminal=True, color_system=colours).print(line)
    assert out.getvalue().count("\n") == 1
    assert not any(told in out.getvalue() for told in ("\x1b]", "\x1b[2J", "\x1b\\", "\x9b", "\r", "\u202e"))


def test_words_of_people_stay_as_they_are() -> None:
    for words in (
        "Grüß Gott, 你好 — نعم",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u0645\u06cc\u200c\u062e\u0648",
    ):
        assert plain(words) == words
    assert plain("a\tb\n\x1b\x7f\u2028") == "a\u2409b\u240a\u241b\u2421\ufffd"


def test_a_table_has_a_line_for_each_row(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("name", "agent"), [(ATTACK, "home")])
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("name")
    assert row.isprintable()
