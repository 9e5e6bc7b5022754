"""When the user waits for the agent too long, and for what."""

from agentd.sessions.dead_air import DeadAir, Stage
from agentd.sessions.records import CallRecord, Said, Turn, TurnCause


def turn(cause: TurnCause = "speech", n: int = 1, at: float = 10.0) -> Turn:
    return Turn(n=n, cause=cause, started=0.0, started_at=at)


def look(watch: DeadAir, one: Turn | None, now: float, played_until: float = 0.0, unheard_s: float | None = None) -> Stage | None:
    found = watch.look(one, now, played_until=played_until, unheard_s=unheard_s)
    return None if found is None else found[0]


def test_a_wait_is_told_once_when_it_becomes_too_long() -> None:
    watch, one = DeadAir(4.0), turn()
    assert [look(watch, one, now) for now in (12.0, 13.9, 14.0, 15.0, 30.0)] == [None, None, "think", None, None]
    assert watch.look(turn(n=2, at=40.0), 45.0, played_until=0.0, unheard_s=None) == ("think", 5.0)


def test_what_is_waited_for_is_named() -> None:
    calling, texted = turn(), turn()
    calling.calls.append(CallRecord("1", "wait", {}, 10.0))
    texted.said.append(Said("Well.", 0))
    assert look(DeadAir(4.0), calling, 15.0) == "function"
    assert look(DeadAir(4.0), texted, 15.0) == "speak"
    assert look(DeadAir(4.0), None, 15.0, unheard_s=4.5) == "listen"


def test_a_filler_is_no_answer_and_the_wait_begins_anew_behind_it() -> None:
    watch, one = DeadAir(4.0), turn()
    one.said.append(Said("One moment.", 0))
    one.audio_bytes = 100
    assert [look(watch, one, now, played_until=13.0) for now in (12.0, 16.0, 17.0, 18.0)] == [None, None, "think", None]


def test_nobody_waits_when_the_agent_spoke_of_itself_or_is_still_heard() -> None:
    hushed = turn()
    hushed.hushed = True
    assert look(DeadAir(4.0), turn("agent"), 99.0) is None
    assert look(DeadAir(4.0), turn(), 99.0, played_until=100.0) is None
    assert look(DeadAir(4.0), hushed, 99.0) is None
    assert look(DeadAir(4.0), None, 99.0) is None


def test_speech_that_becomes_no_words_is_told_each_time_anew() -> None:
    watch = DeadAir(4.0)
    told = [look(watch, None, 10.0 + i, unheard_s=unheard) for i, unheard in enumerate((3.0, 4.0, 5.0, None, 3.9, 4.9))]
    assert told == [None, "listen", None, None, None, "listen"]
