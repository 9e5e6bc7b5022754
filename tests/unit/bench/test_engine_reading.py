"""What the bench reads out of the frames it received."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from agentd.engine.providers import LISTEN_RATE, Samples
from bench.engine.barge_in import Disturbed, Reaction
from bench.engine.barge_in import table as barge_in_table
from bench.engine.cases import each
from bench.engine.clips import Clip
from bench.engine.conversation import Received
from bench.engine.endpointing import Case, Outcome, calls_before, split
from bench.engine.endpointing import table as endpointing_table
from bench.engine.gaps import Gap
from bench.engine.microphone import Microphone
from bench.engine.soak import Sample, Soak
from bench.engine.talker import Talk
from bench.engine.turns import Turn, called
from bench.engine.turns import table as turns_table

QUIET = np.zeros(LISTEN_RATE, dtype=np.float32)
CLIP = Clip("rh_en_test", "turn on the lamp", QUIET)


def request(*ids: str, at: float = 0.0) -> Received:
    return Received(at, {"type": "FunctionCallRequest", "functions": [{"id": name, "name": f"f_{name}"} for name in ids]})


def cancelled(*ids: str, at: float = 0.0) -> Received:
    return Received(at, {"type": "FunctionCallCancelled", "functions": [{"id": name, "name": f"f_{name}"} for name in ids]})


def user(text: str, at: float) -> Received:
    return Received(at, {"type": "ConversationText", "role": "user", "content": text})


def test_a_call_that_was_withdrawn_was_not_made() -> None:
    assert called([request("a"), cancelled("a"), request("b", "c"), cancelled("c")]) == ["f_b"]


def test_calls_before_the_end_of_speech_are_counted_with_those_withdrawn() -> None:
    assert calls_before([request("a", at=1), request("b", at=2), cancelled("a", at=2.5), request("c", at=4)], 3.0) == (2, 1)


@pytest.mark.parametrize(
    ("texts", "cut", "cut_itself"),
    [
        ([user("all of it", 5.4)], False, False),
        ([user("turn on", 2.0), user("the lamp", 5.4)], True, False),
        ([user("turn on", 3.9), user("the lamp", 5.4)], False, True),
        ([user("turn", 2.0), user("on", 3.9)], True, True),
    ],
)
def test_a_turn_confirmed_before_the_end_is_cut_unless_in_a_pause_of_its_own(
    texts: Sequence[Received], cut: bool, cut_itself: bool
) -> None:
    assert split(texts, spoken=5.0, own=[(3.5, 4.1)]) == (cut, cut_itself)


def test_the_pause_put_in_is_not_among_the_clips_own() -> None:
    case = Case(CLIP, Gap("rh_en_test", 8000, "turn on"), 500)
    put_in, own = (15900, 24100), (30000, 40000)
    assert case.own_pauses([put_in, own]) == [own]
    assert Case(CLIP).own_pauses([put_in, own]) == [put_in, own]


def test_the_endpointing_table_counts_cuts_by_pause() -> None:
    gap = Gap("rh_en_test", 8000, "turn on")
    outcomes = [
        Outcome(Case(CLIP, gap, 300), ("turn on the lamp",), cut=False, cut_itself=False, withdrawn=1, calls=0, wait_ms=400),
        Outcome(Case(CLIP, gap, 800), ("turn on", "the lamp"), cut=True, cut_itself=False, withdrawn=0, calls=1, wait_ms=500),
        Outcome(Case(CLIP), ("turn on the lamp",), cut=False, cut_itself=True, withdrawn=0, calls=0, wait_ms=None),
    ]
    table = endpointing_table(outcomes)
    assert [row[1:5] for row in table.rows] == [
        ("1", "0", "0.0", "1 (1)"),
        ("0", "0", "-", "0 (0)"),
        ("1", "1", "100.0", "1 (0)"),
        ("2", "1", "50.0", "2 (1)"),
        ("1", "1", "100.0", "0 (0)"),
    ]


def test_the_turn_table_keeps_commands_and_other_utterances_apart() -> None:
    command = Turn("rh_en_test", ["Turn on."], calls=["set_light"], audio_ms=350.0, confirmed_ms=300.0, stages_ms={"total": 340})
    table = turns_table([command, Turn("jfk", ["And so."], early=1, audio_ms=900.0), Turn("gc_today")], [])
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["end of speech → first audio: complete commands, recorded"] == ("1", "350", "350", "350", "350")
    assert rows["end of speech → first audio: other utterances, recorded"] == ("1", "900", "900", "900", "900")
    assert rows["engine's account, recorded commands: total"][1] == "340"
    assert "No reply: gc_today." in table.notes
    assert "Taken for more than one turn: jfk." in table.notes


def test_the_barge_in_table_counts_missed_early_and_false_interruptions() -> None:
    reactions = [Reaction("a", 100.0, 400.0), Reaction("b"), Reaction("c", before=True)]
    others = [Disturbed("coughs", "seed 0", interrupted=True, heard=("You.",)), Disturbed("coughs", "seed 1", False, ())]
    table = barge_in_table(reactions, [], others)
    assert table.rows[0][1:4] == ("3", "1 missed, 1 interrupted before", "100")
    assert table.rows[-1][:3] == ("coughs", "2", "1 false interruptions")
    assert "False: coughs (seed 0)." in table.notes


def test_a_soak_tells_what_is_left_and_how_memory_goes() -> None:
    first = Sample(0, 300.0, 20, 8, 0)
    samples = [Sample(60.0 * minute, 310.0 + minute, 24, 8, 4) for minute in range(10)]
    soak = Soak(first, Sample(660, 320.0, 21, 8, 1), samples, Talk([400.0, 500.0], ["x: not heard"], 3.0), 6)
    report = soak.report()
    assert report["left"] == {"conversations": 1, "descriptors": 1, "threads": 0}
    assert report["memory_mib"]["slope_per_hour"] == pytest.approx(60.0)
    assert (report["turns"], report["failed"]) == (2, 1)


async def test_cases_run_so_many_at_once_and_results_keep_their_order() -> None:
    running = most = 0

    async def case(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return 10 * number

    assert await each(list(range(7)), case, at_once=3) == [0, 10, 20, 30, 40, 50, 60]
    assert most == 3


async def test_the_microphone_sends_what_was_said_in_the_midst_of_the_room_and_knows_when() -> None:
    frames: list[bytes] = []
    enough = asyncio.Event()
    loop = asyncio.get_running_loop()
    arrived: dict[int, float] = {}

    async def send(frame: bytes) -> None:
        arrived[len(frames)] = loop.time()
        frames.append(frame)
        if len(frames) == 12:
            enough.set()

    microphone = Microphone(send, room=QUIET, frame_s=0.01)
    sound: Samples = np.full(240, 0.5, dtype=np.float32)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(microphone.run())
        said = await microphone.say(sound)
        await microphone.silent()
        async with asyncio.timeout(30):
            await enough.wait()
        running.cancel()
    heard = np.frombuffer(b"".join(frames), dtype="<i2")
    loud = np.flatnonzero(heard)
    assert (len(loud), loud[-1] - loud[0]) == (240, 239)
    assert loud[0] % 160 == 0
    assert arrived[loud[0] // 160] >= said.instant(160)


async def test_the_microphone_hears_the_echo() -> None:
    first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def send(frame: bytes) -> None:
        if not first.done():
            first.set_result(frame)

    microphone = Microphone(send, room=QUIET, echo=lambda _, length: np.full(length, 0.25, dtype=np.float32))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(microphone.run())
        async with asyncio.timeout(30):
            frame: Any = await first
        running.cancel()
    assert set(np.frombuffer(frame, dtype="<i2")) == {8192}
