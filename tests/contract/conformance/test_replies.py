"""What comes, and in which order, when the agent greets and answers."""

from collections.abc import Callable

import pytest

from tests.contract.conformance.caller import (
    GREETING,
    LAMP_CLIP,
    LAMP_SPOKEN,
    TYPED,
    Caller,
    arguments,
    clip,
    document,
)
from tests.contract.conformance.servers import CONFORMANCE, Ability, Server, needs
from tests.support.agent_client import AUDIO, Item

pytestmark = CONFORMANCE


def is_words(role: str) -> Callable[[Item], bool]:
    return lambda item: isinstance(item, dict) and item["type"] == "ConversationText" and item["role"] == role


async def test_a_greeting_is_told_then_spoken_then_done(client: Caller) -> None:
    await client.begin(greeting=GREETING)
    await client.done()
    assert client.order() == ["Welcome", "SettingsApplied", "ConversationText:assistant", AUDIO, "AgentAudioDone"]
    assert client.texts("assistant") == [GREETING], "a greeting is spoken verbatim"


async def test_without_a_greeting_the_agent_waits(client: Caller) -> None:
    await client.begin()
    await client.quiet(0.4)
    assert client.order() == ["Welcome", "SettingsApplied"]


async def test_every_text_says_how_it_was_meant(client: Caller) -> None:
    await client.begin(greeting=GREETING)
    await client.done()
    await client.write("Hello!")
    await client.done(after=client.index("AgentAudioDone") + 1)
    texts = client.of_type("ConversationText")
    assert {text["role"] for text in texts} == {"user", "assistant"}
    assert {text["conversational_behavior"] for text in texts} == {"default"}


async def test_a_typed_turn_is_told_answered_spoken_and_done(client: Caller) -> None:
    await client.begin()
    await client.write("Hello!")
    await client.done()
    order = client.order()
    assert order[:3] == ["Welcome", "SettingsApplied", "ConversationText:user"]
    assert order[3:5] == ["ConversationText:assistant", AUDIO]
    assert order[-1] == "AgentAudioDone"
    assert order.count("AgentAudioDone") == 1
    assert client.texts("user") == ["Hello!"]
    assert all(text.strip() for text in client.texts("assistant"))


async def test_a_spoken_turn_is_announced_told_answered_and_done(server: Server, client: Caller) -> None:
    await client.begin()
    async with client.microphone(bytes(9600), clip(LAMP_CLIP)):
        call = await client.asked()
        await client.answer(call, "It is on.")
        await client.done()
    assert arguments(call) == {"room": "living room", "on": True}
    if Ability.EARS in server.abilities:
        assert await client.heard() == LAMP_SPOKEN
    order = client.order()
    assert order[2] == "UserStartedSpeaking"
    called = [order.index(kind) for kind in ("FunctionCallRequest", "FunctionCallResponse")]
    assert called == sorted(called)
    told = order.index("ConversationText:user")  # calls need not wait for the turn to be sure, words and audio do
    assert max(told, *called) == 5
    assert order[6:8] == ["ConversationText:assistant", AUDIO]
    assert order[-1] == "AgentAudioDone"
    assert order.count("UserStartedSpeaking") == order.count("AgentAudioDone") == 1


async def test_silence_is_no_turn(client: Caller) -> None:
    await client.begin()
    async with client.microphone():
        await client.quiet(1.0)
    assert client.order() == ["Welcome", "SettingsApplied"]


async def test_audio_comes_in_whole_samples_and_small_frames(client: Caller) -> None:
    await client.begin(greeting=GREETING)
    await client.done()
    frames = [item for item in client.items if isinstance(item, bytes)]
    assert frames
    assert all(0 < len(frame) <= 64 * 1024 and len(frame) % 2 == 0 for frame in frames)
    assert sum(map(len, frames)) >= 0.2 * 2 * 24_000


@needs(Ability.CONDUCT)
async def test_the_start_of_speech_is_announced_with_all_latencies_when_experimental(client: Caller) -> None:
    await client.begin(document(greeting=GREETING) | {"experimental": True})
    await client.done()
    await client.write("Hello!")
    await client.done(after=client.index("AgentAudioDone") + 1)
    announced = client.of_type("AgentStartedSpeaking")
    assert len(announced) == 2
    for message in announced:
        latencies = [message[name] for name in ("total_latency", "tts_latency", "ttt_latency")]
        assert all(isinstance(latency, float | int) and 0 <= latency < 60 for latency in latencies)
    speech = ["ConversationText:assistant", "AgentStartedSpeaking", AUDIO, "AgentAudioDone"]
    order = client.order()
    assert order[2:6] == speech
    assert order[6:10] == ["ConversationText:user", *speech[:3]], "it comes before any audio"


async def test_the_start_of_speech_is_not_announced_unless_experimental(client: Caller) -> None:
    await client.begin(greeting=GREETING)
    await client.done()
    assert "AgentStartedSpeaking" not in client.order()


async def test_history_tells_both_sides_after_the_reply(client: Caller) -> None:
    await client.begin(greeting=GREETING)
    await client.done()
    await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": GREETING})
    at = len(client.items)
    await client.write("Hello!")
    await client.done(after=at)
    await client.until(lambda item: item == {"type": "History", "role": "user", "content": "Hello!"}, after=at)
    said = " ".join(client.texts("assistant")[1:])
    await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": said}, after=at)


@pytest.mark.parametrize(
    "flags", [{"flags": {"history": False}}, {"settings": {"flags": {"history": False}}}], ids=["top", "nested"]
)
async def test_history_is_left_out_on_request(client: Caller, flags: dict[str, object]) -> None:
    await client.begin(document(greeting=GREETING) | flags)
    await client.done()
    await client.write(TYPED)
    await client.answer(await client.asked())
    await client.done(after=client.index("FunctionCallRequest"))
    await client.quiet(0.3)
    assert not client.of_type("History")


async def test_a_latency_report_follows_each_turn(client: Caller) -> None:
    await client.begin()
    await client.write("Hello!")
    report = await client.until("LatencyReport", timeout=30)
    assert len(report) > 1
    assert all(isinstance(value, float | int) and value >= 0 for name, value in report.items() if name != "type")


@needs(Ability.CONDUCT)
async def test_nothing_that_only_informs_comes_between_the_users_words_and_the_end_of_the_reply(client: Caller) -> None:
    """Known clients lose one of two text frames that come at once."""
    await client.begin(greeting=GREETING, speak={"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}})
    await client.done()
    at = len(client.items)
    await client.write(TYPED)
    await client.answer(await client.asked())
    await client.done(after=at)
    turns = [client.items[: client.index("AgentAudioDone")], client.items[at:]]
    for turn in turns:
        begin = next(number for number, item in enumerate(turn) if is_words("user")(item) or is_words("assistant")(item))
        end = [number for number, item in enumerate(turn) if isinstance(item, dict) and item["type"] == "AgentAudioDone"]
        kinds = [item["type"] for item in turn[begin : (end or [len(turn)])[0]] if isinstance(item, dict)]
        assert not {"History", "LatencyReport", "Warning"} & set(kinds), kinds


GAP_MS = 60.0
TOLERANCE_MS = 12.0
"""Of the clock of the receiver, which shares the machine with the server."""


@needs(Ability.CONDUCT)
async def test_text_frames_leave_a_known_client_time_to_read_each(server: Server) -> None:
    """Two that come back to back are one too many for two of the example clients (measured: lost at 20 ms, not at 60).

    The median of several conversations: a busy machine may read two frames late, and so together.
    """
    applied, told = [], []
    for _ in range(5):
        async with server.client() as client:
            await client.begin(document(greeting="Hello.") | {"experimental": True})
            await client.done()
            applied.append(client.gap_ms(lambda item: isinstance(item, dict) and item["type"] == "SettingsApplied"))
            told.append(client.gap_ms(is_words("assistant")))
            begun = client.index("ConversationText")
            assert client.items[begun + 1] == client.of_type("AgentStartedSpeaking")[0]
    assert sorted(applied)[2] >= GAP_MS - TOLERANCE_MS
    assert sorted(told)[2] >= GAP_MS - TOLERANCE_MS
