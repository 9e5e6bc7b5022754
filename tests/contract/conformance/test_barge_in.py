"""The user speaks while the agent does."""

from tests.contract.conformance.caller import LAMP_CLIP, LONG, Caller, clip
from tests.contract.conformance.servers import CONFORMANCE, Ability, needs

pytestmark = CONFORMANCE


@needs(Ability.CONDUCT)
async def test_the_agent_stops_when_the_user_speaks_and_answers_what_was_said(client: Caller) -> None:
    await client.begin()
    await client.inject(LONG)
    await client.first_audio()
    async with client.microphone(clip(LAMP_CLIP)):
        await client.until("UserStartedSpeaking", timeout=30)
        at = client.index("UserStartedSpeaking")
        call = await client.asked(after=at)
        await client.answer(call, "It is on.")
        await client.done(after=client.index("FunctionCallRequest"))
    order = client.order(after=at)
    assert order[0] == "UserStartedSpeaking"
    assert order.index("AgentAudioDone") < order.index("ConversationText:user"), "an interrupted reply has its end, too"
    assert order.count("AgentAudioDone") == 2
    heard = sum(len(item) for item in client.items[:at] if isinstance(item, bytes))
    late = client.items[at : client.index("ConversationText", after=at)]
    assert heard < 2 * 24_000 * 9, "audio is not sent far ahead of its playing"
    assert sum(isinstance(item, bytes) for item in late) <= 3, "but a frame or two may be on their way"


@needs(Ability.VOICE)
async def test_history_keeps_of_an_interrupted_reply_what_was_heard(client: Caller) -> None:
    await client.begin()
    await client.inject(LONG)
    await client.first_audio()
    async with client.microphone(bytes(32_000), clip(LAMP_CLIP)):
        await client.until("UserStartedSpeaking", timeout=30)
        await client.answer(await client.asked(after=client.index("UserStartedSpeaking")), "It is on.")
        await client.until(
            lambda item: isinstance(item, dict) and item["type"] == "History" and item.get("role") == "assistant", timeout=10
        )
    kept = next(item["content"] for item in client.of_type("History") if item.get("role") == "assistant")
    assert LONG.startswith(kept.rstrip(" .…-—"))
    assert 0 < len(kept) < 0.7 * len(LONG)


async def test_every_utterance_of_the_user_is_announced(client: Caller) -> None:
    """A known client that was asleep drops everything until the next announcement."""
    await client.begin()
    async with client.microphone(bytes(9600), clip(LAMP_CLIP)):
        await client.answer(await client.asked())
        await client.done()
    at = len(client.items)
    await client.inject("Yes?", behavior="interrupt")
    await client.done(after=at)
    at = len(client.items)
    async with client.microphone(bytes(32_000), clip(LAMP_CLIP)):
        await client.answer(await client.asked(after=at))
        await client.done(after=at)
    assert client.order(after=at)[0] == "UserStartedSpeaking"
    assert client.order().count("UserStartedSpeaking") == client.order().count("ConversationText:user") == 2
