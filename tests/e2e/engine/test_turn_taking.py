"""Who has the word: when the user's turn is over, what is thought ahead of it, and what interrupts the agent."""

import asyncio
from typing import Any

from agentd.engine.providers import Call, CallMade, Ending, Say, ThinkEvent, ThinkRequest, UserText
from tests.support.agent_client import AgentClient, settings
from tests.support.engine import LAMP, MadeUp, made_up_engine, silence, speech, with_lamp

ORDINARY_MS = 500
ENDED = silence(2.0)
"""More silence than any wait at ``ORDINARY_MS``."""

V2 = {"provider": {"type": "deepgram", "version": "v2", "model": "flux-general-en"}}


async def opened(client: AgentClient, **agent: Any) -> None:
    await client.send(settings(**with_lamp(**agent)))
    await client.until("SettingsApplied")


def by_words(text: str, _: ThinkRequest) -> Ending:
    """ "…" at the end of a text goes on, "!" closes it."""
    return Ending.UNFINISHED if text.endswith("…") else Ending.CLOSED if text.endswith("!") else Ending.OPEN


async def heard_after(client: AgentClient, engine: MadeUp, text: str) -> float:
    """Seconds of silence, in real time, until ``text`` is confirmed."""
    loop = asyncio.get_running_loop()
    engine.ear.say_next = text
    at = len(client.items)
    await client.speak(speech(0.5))
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        group.create_task(client.speak(ENDED))
        await client.until(lambda item: isinstance(item, dict) and item.get("role") == "user", after=at)
        return loop.time() - began


async def test_a_closed_command_ends_its_turn_before_an_open_sentence_and_that_before_an_unfinished_one() -> None:
    async with made_up_engine(ending=by_words, endpointing_ms=ORDINARY_MS) as engine:
        waits = []
        for text in ("lights out!", "the birch canoe", "turn on the…"):
            async with engine.client() as client:
                await opened(client)
                waits.append(await heard_after(client, engine, text))
    assert waits == sorted(waits)
    assert waits[2] - waits[0] > 0.4, "nine tenths of a second against less than a fifth"


async def test_the_reply_is_thought_ahead_and_heard_only_when_the_turn_is_over() -> None:
    async with made_up_engine(endpointing_ms=1500) as engine, engine.client() as client:
        await opened(client)
        await client.speak(speech(0.5) + silence(1.2))
        assert [request.messages[-1] for request in engine.mind.requests] == [UserText("hello")]
        await client.quiet(0.1)
        assert client.kinds() == ["Welcome", "SettingsApplied", "UserStartedSpeaking"]
        await client.speak(silence(0.8))
        await client.until("AgentAudioDone")
        assert len(engine.mind.requests) == 1
        assert client.kinds(without=("History", "LatencyReport"))[3:] == [
            "ConversationText",
            "ConversationText",
            "~",
            "AgentAudioDone",
        ]


async def test_a_call_made_ahead_is_withdrawn_when_the_user_goes_on_and_leaves_no_trace() -> None:
    async with made_up_engine(endpointing_ms=1500) as engine, engine.client() as client:
        await opened(client)
        engine.ear.say_next = "the lamp"
        await client.speak(speech(0.5) + silence(1.0))
        request = await client.until("FunctionCallRequest")
        assert "ConversationText" not in client.kinds(), "a call does not wait for the turn to be confirmed"
        engine.ear.say_next = "forget that"
        at = len(client.items)
        await client.speak(speech(0.5))
        cancelled = await client.until("FunctionCallCancelled", after=at)
        assert cancelled["functions"] == [{"id": request["functions"][0]["id"], "name": "set_light"}]
        assert len(client.of_type("UserStartedSpeaking")) == 2
        await client.speak(ENDED)
        await client.until("AgentAudioDone", after=at)
        assert client.texts("user") == ["forget that"]
        assert client.texts("assistant") == ["You said forget that"]
        assert engine.mind.requests[-1].messages == (UserText("forget that"),)


async def test_a_call_made_ahead_and_answered_is_spoken_about_when_the_turn_is_over() -> None:
    async with made_up_engine(endpointing_ms=1500) as engine, engine.client() as client:
        await opened(client)
        engine.ear.say_next = "the lamp"
        await client.speak(speech(0.5) + silence(1.0))
        call = (await client.until("FunctionCallRequest"))["functions"][0]
        await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": "on"})
        await client.until("FunctionCallResponse")
        assert "ConversationText" not in client.kinds()
        await client.speak(silence(1.0))
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "Done: on"})
        kinds = client.kinds(without=("History", "LatencyReport"))
        reply = ["ConversationText", "ConversationText", "~", "AgentAudioDone"]
        assert kinds[kinds.index("FunctionCallResponse") + 1 :] == reply
        told = [item.get("content") or item["function_calls"][0]["response"] for item in client.of_type("History")]
        assert told == ["the lamp", "on", "Done: on"]


FILLER = {"type": "InjectAgentMessage", "message": "one moment"}


async def test_a_message_injected_behind_a_call_made_ahead_is_said_before_the_answer_when_the_turn_is_over() -> None:
    async with made_up_engine(endpointing_ms=1500) as engine, engine.client() as client:
        await opened(client)
        engine.ear.say_next = "the lamp"
        await client.speak(speech(0.5) + silence(1.0))
        call = (await client.until("FunctionCallRequest"))["functions"][0]
        await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": "on"})
        await client.send(FILLER)
        await client.until("FunctionCallResponse")
        assert "ConversationText" not in client.kinds()
        await client.speak(silence(1.0))
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "Done: on"})
        assert client.texts("assistant") == ["one moment", "Done: on"]
        assert "InjectionRefused" not in client.kinds()


async def test_a_message_injected_behind_a_call_made_ahead_is_refused_when_the_user_goes_on() -> None:
    async with made_up_engine(endpointing_ms=1500) as engine, engine.client() as client:
        await opened(client)
        engine.ear.say_next = "the lamp"
        await client.speak(speech(0.5) + silence(1.0))
        await client.until("FunctionCallRequest")
        await client.send(FILLER)
        engine.ear.say_next = "forget that"
        await client.speak(speech(0.5))
        await client.until("InjectionRefused")
        await client.speak(ENDED)
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["You said forget that"]


async def test_a_deferred_function_is_called_only_when_the_turn_is_over() -> None:
    deferred = {"provider": {"type": "open_ai", "model": "any"}, "functions": [LAMP | {"defer_until_eot": True}]}
    async with made_up_engine(endpointing_ms=1500) as engine, engine.client() as client:
        await opened(client, think=deferred)
        engine.ear.say_next = "the lamp"
        await client.speak(speech(0.5) + silence(1.2))
        assert engine.mind.requests, "it is thought about ahead"
        await client.quiet(0.1)
        assert "FunctionCallRequest" not in client.kinds()
        await client.speak(silence(0.8))
        await client.until("FunctionCallRequest")
        assert client.kinds(without=("History",))[-2:] == ["ConversationText", "FunctionCallRequest"]


async def test_of_one_round_only_the_deferred_calls_wait() -> None:
    def both(request: ThinkRequest) -> list[ThinkEvent | float]:
        return [Say("Done.")] if isinstance(request.messages[-1], CallMade) else [Call("unlock", {}, "u"), Call("look", {}, "l")]

    functions = [{"name": "unlock", "defer_until_eot": True, "parameters": {}}, {"name": "look", "parameters": {}}]
    think = {"provider": {"type": "open_ai", "model": "any"}, "functions": functions}
    async with made_up_engine(both, endpointing_ms=1500) as engine, engine.client() as client:
        await opened(client, think=think)
        await client.speak(speech(0.5) + silence(1.0))
        assert (await client.until("FunctionCallRequest"))["functions"][0]["name"] == "look"
        await client.send({"type": "FunctionCallResponse", "id": "l", "name": "look", "content": "seen"})
        await client.speak(silence(1.0))
        await client.until(lambda item: isinstance(item, dict) and item.get("functions", [{}])[0].get("name") == "unlock")
        assert client.kinds(without=("History",))[-2:] == ["ConversationText", "FunctionCallRequest"]


async def test_flux_thinks_ahead_only_when_the_client_sets_a_threshold() -> None:
    for eager, ahead in ((None, 0), (0.4, 1)):
        listen = {"provider": V2["provider"] | ({} if eager is None else {"eager_eot_threshold": eager})}
        async with made_up_engine(endpointing_ms=1500) as engine, engine.client() as client:
            await opened(client, listen=listen)
            await client.speak(speech(0.5) + silence(1.2))
            assert len(engine.mind.requests) == ahead


async def test_eot_timeout_ends_a_turn_that_the_threshold_never_would() -> None:
    listen = {"provider": V2["provider"] | {"eot_threshold": 1.0, "eot_timeout_ms": 600}}
    async with made_up_engine(endpointing_ms=200) as engine, engine.client() as client:
        await opened(client, listen=listen)
        await client.speak(speech(0.5) + silence(0.45))
        await client.quiet(0.1)
        assert client.texts("user") == []
        await client.speak(silence(0.4))
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["hello"]


async def test_thresholds_can_be_changed_in_mid_session() -> None:
    async with made_up_engine(endpointing_ms=200) as engine, engine.client() as client:
        await opened(client, listen={"provider": V2["provider"] | {"eot_threshold": 1.0}})
        await client.send({"type": "UpdateListen", "listen": {"provider": V2["provider"] | {"eot_threshold": 0.6}}})
        await client.until("ListenUpdated")
        await client.speak(speech(0.5) + silence(1.0))
        await client.until("AgentAudioDone")


async def test_force_end_turn_ends_a_flux_turn_and_is_ignored_in_silence() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client, listen=V2)
        await client.send({"type": "ForceEndTurn"})
        await client.send_audio(speech(0.6))
        await client.until("UserStartedSpeaking")
        await client.send({"type": "ForceEndTurn"})
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["hello"]
        assert "Warning" not in client.kinds()


async def test_force_end_turn_is_not_for_nova() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client, listen={"provider": {"type": "deepgram", "model": "nova-3"}})
        await client.send({"type": "ForceEndTurn"})
        await client.until(lambda item: isinstance(item, dict) and item.get("code") == "FORCE_END_TURN_UNSUPPORTED")


async def test_a_client_that_stops_sending_when_its_key_is_let_go_is_answered() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.speak(silence(0.1) + speech(0.6))
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["hello"]


LONG = "the story of a lamp that went out one evening and never came back to the living room"


async def test_neither_a_nod_nor_a_noise_interrupts_the_agent() -> None:
    for nod in ("Uh-huh.", "Yes.", ""):
        async with made_up_engine(word_s=0.3) as engine, engine.client() as client:
            await opened(client, greeting=LONG)
            await client.until("AgentAudioDone")
            engine.ear.say_next = nod
            await client.speak(silence(0.2) + speech(0.6) + silence(0.8))
            await client.quiet(0.1)
            assert engine.ear.heard_s
            assert "UserStartedSpeaking" not in client.kinds(), nod
            assert client.texts("user") == []


async def test_the_agents_own_voice_in_the_microphone_does_not_interrupt_it() -> None:
    async with made_up_engine(word_s=0.3) as engine, engine.client() as client:
        message = settings(**with_lamp(greeting=LONG))
        message["audio"] = {"input": {"encoding": "linear16", "sample_rate": 24_000}}
        await client.send(message)
        await client.until("AgentAudioDone")
        engine.ear.say_next = "whatever a recogniser makes of it"
        await client.speak(client.audio()[: 3 * 48_000], bytes_per_s=48_000)
        await client.quiet(0.1)
        assert "UserStartedSpeaking" not in client.kinds()


async def test_words_for_the_agent_interrupt_it_while_they_are_said() -> None:
    async with made_up_engine(word_s=0.3) as engine, engine.client() as client:
        await opened(client, greeting=LONG)
        await client.until("AgentAudioDone")
        engine.ear.say_next = "stop"
        await client.speak(silence(0.2) + speech(0.6))
        await client.until("UserStartedSpeaking")
        assert client.texts("user") == [], "the utterance is not over"


async def test_a_nod_that_goes_on_into_a_sentence_interrupts() -> None:
    async with made_up_engine(word_s=0.3) as engine, engine.client() as client:
        await opened(client, greeting=LONG)
        await client.until("AgentAudioDone")
        engine.ear.say_next = lambda seconds: "Yes" if seconds < 1.0 else "Yes, but the kitchen is dark"
        await client.speak(silence(0.5) + speech(1.2))
        await client.until("UserStartedSpeaking")


async def test_a_yes_that_outlasts_the_agents_question_is_an_answer() -> None:
    async with made_up_engine(word_s=0.2, endpointing_ms=ORDINARY_MS) as engine, engine.client() as client:
        await opened(client, greeting="shall I close it now?")
        await client.until("AgentAudioDone")
        engine.ear.say_next = "Yes."
        await client.speak(silence(0.5) + speech(0.6) + silence(1.0))
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == "You said Yes.")
        assert client.texts("user") == ["Yes."]


async def test_a_long_utterance_is_recognised_in_parts_and_read_as_one() -> None:
    async with made_up_engine(endpointing_ms=ORDINARY_MS) as engine, engine.client() as client:
        await opened(client)
        engine.ear.say_next = lambda seconds: "a long beginning" if seconds > 5 else "and an end"
        await client.send_audio(speech(7.0) + silence(0.4))
        await client.quiet(0.3)
        await client.send_audio(speech(1.0) + ENDED)
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["a long beginning and an end"]
        assert max(engine.ear.heard_s) < 8.0


async def test_what_is_thought_ahead_does_not_change_what_a_thinker_remembers() -> None:
    def counting(request: ThinkRequest) -> list[ThinkEvent | float]:
        request.session["asked"] = request.session.get("asked", 0) + 1
        return [Say(f"asked {request.session['asked']}")]

    async with made_up_engine(counting, endpointing_ms=1500) as engine, engine.client() as client:
        await opened(client)
        await client.speak(speech(0.5) + silence(1.1) + speech(0.5) + ENDED)
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["asked 1"]


async def test_speech_that_goes_on_in_the_packet_that_held_the_pause_is_answered_once() -> None:
    listen = {"provider": V2["provider"] | {"eager_eot_threshold": 0.3}}
    async with made_up_engine(endpointing_ms=400) as engine, engine.client() as client:
        await opened(client, listen=listen)
        engine.ear.say_next = "the lamp"
        await client.speak(speech(0.5) + silence(0.16))
        await client.send_audio(silence(0.1) + speech(0.3))
        engine.ear.say_next = "you there"
        await client.speak(speech(0.5) + ENDED)
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["you there"]
        assert client.texts("assistant") == ["You said you there"]


async def test_a_sentence_that_is_over_before_it_was_understood_still_interrupts() -> None:
    async with made_up_engine(word_s=0.3) as engine, engine.client() as client:
        await opened(client, greeting=LONG)
        await client.until("AgentAudioDone")
        engine.ear.say_next = "never mind the story"
        await client.send_audio(silence(0.2) + speech(0.6) + ENDED)  # all at once: no word is known before the end
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == "You said never mind the story")
        assert client.kinds().count("UserStartedSpeaking") == 1
