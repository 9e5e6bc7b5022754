"""What came of a script, before and after its connections."""

from agentd.engine.scripted.loading import parse_script
from agentd.engine.scripted.report import MAX_CONNECTIONS, Played, Report, Result

SCRIPT = parse_script(
    {
        "scenarios": [
            {"name": "twice", "connections": 2, "conversation": [{"expect": "Settings"}]},
            {"name": "maybe", "optional": True, "conversation": [{"expect": "Settings"}]},
            {"name": "rules"},
        ]
    }
)


def played(number: int, *, passed: bool = True) -> Played:
    return Played(str(number), [Result(1, None, "Settings", "passed" if passed else "failed")])


def test_a_run_is_over_when_every_conversation_was_played_as_often_as_it_is_to_be() -> None:
    report, done = Report(SCRIPT.scenarios), []
    report.on_done = lambda: done.append(True)
    for number in range(2):
        one = played(number)
        report.add("twice", one)
        report.note_end()
        one.ended = "1000"
        assert not done
        report.note_end()
    assert done
    assert not report.failed


def test_a_conversation_that_nobody_plays_is_a_failure() -> None:
    report = Report(SCRIPT.scenarios)
    assert report.failed
    assert report.lines() == ["twice: not played, 0 of 0 expectations met", "maybe: not played, 0 of 0 expectations met"]


def test_of_many_connections_those_that_failed_are_kept() -> None:
    report = Report(SCRIPT.scenarios)
    for number in range(MAX_CONNECTIONS + 5):
        one = played(number, passed=number != 3)
        one.ended = "1000"
        report.add("twice", one)
    kept = report.scenarios["twice"].played
    assert len(kept) == MAX_CONNECTIONS
    assert [one.request_id for one in kept[:2]] == ["3", "6"]
    assert report.failed
