"""Where keys stand in a file, and what of a new configuration a running daemon takes."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentd.config import Settings, changes
from agentd.config.lines import line_of, lines_of

REFERENCE = (Path(__file__).parents[2] / "config.toml").read_text(encoding="utf-8")


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, (*path, key))
    else:
        yield path


def test_every_key_of_the_reference_is_found_on_its_line() -> None:
    lines, text = lines_of(REFERENCE), REFERENCE.splitlines()
    paths = list(leaves(tomllib.loads(REFERENCE)))
    assert len(paths) > 80
    for path in paths:
        assert text[lines[path] - 1].lstrip().startswith(path[-1]), path


TRICKY = '''\
a.b = 1
text = """
[not.a.table]
no = "key"
"""
list = [
  "x = 1",  # ]
  ["nested"],
]
["quoted.name"]
'k k' = { inline = 2, other = [
  3 ] }
last = '[' # "
[t . u]
v = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("a", "b"), 1),
        (("text",), 2),
        (("list",), 6),
        (("quoted.name", "k k"), 11),
        (("quoted.name", "last"), 13),
        (("t", "u"), 14),
        (("t", "u", "v"), 15),
        (("t", "u", "missing"), 14),
        (("nowhere",), None),
    ],
)
def test_strings_arrays_and_quoted_names_do_not_mislead(path: tuple[str, ...], line: int | None) -> None:
    tomllib.loads(TRICKY)
    assert line_of(lines_of(TRICKY), path) == line


def settings(**sections: Any) -> Settings:
    return Settings.model_validate(sections)


def test_what_can_change_changes_and_what_cannot_is_named_and_stays() -> None:
    now = settings(server={"port": 1000}, limits={"sessions": 5}, agents={"home": {"prompt": "Old."}, "old": {}})
    new = settings(
        server={"port": 2000},
        engine={"max_sessions": 3, "threads": 4},
        limits={"sessions": 6, "connections": 10},
        agents={"home": {"prompt": "New.", "settings": {"agent": {"language": "en"}}}, "hall": {}},
    )
    found = changes(now, new)
    assert found.needs_restart == ("engine.threads", "limits.connections", "server.port")
    assert {"limits.sessions", "engine.max_sessions", "agents.home.prompt", "agents.hall.upstream", "agents.old.upstream"} <= set(
        found.changed
    )
    assert "agents.home.settings.agent.language" in found.changed
    assert (found.settings.server.port, found.settings.limits.sessions, found.settings.limits.connections) == (1000, 6, 2000)
    again = changes(found.settings, new)
    assert (again.changed, again.needs_restart) == ((), found.needs_restart)


def test_the_same_configuration_changes_nothing() -> None:
    assert changes(settings(), settings()).changed == ()
