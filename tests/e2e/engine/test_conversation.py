"""The engine's conversation over a real WebSocket, with made-up models: what is sent, in which order, and what stops it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from agentd.engine.providers import AgentText, Call, CallMade, Say, ThinkEvent, ThinkRequest, Thought, UserText
from tests.support.agent_client import AgentClient, settings
from tests.support.engine import LAMP, made_up_engine, silence, speech, with_lamp

ENDED = silence(1.2)
"""Enough silence to end a turn whose ordinary wait is 500 ms, even if its words are not known yet."""

DEFERRED_LAMP = LAMP | {"defer_until_eot": True}


def say(text: list[str]) -> Callable[[ThinkRequest], list[ThinkEvent | float]]:
    """A mind that always says this, sentence by sentence."""
    return lambda _: [Say(sentence) for sentence in text]


async def opened(client: AgentClient, **agent: Any) -> None:
    await client.send(settings(**with_lamp(**agent)))
    await client.until("SettingsApplied")


async def answer(client: AgentClient, request: dict[str, Any], content: str = "the lamp is on") -> None:
    call = request["functions"][0]
    await client.send({"type": "FunctionCallResponse", "id": call["id"], "name": call["name"], "content": content})


async def test_a_greeting_is_spoken_verbatim_and_remembered() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client, greeting="Hello there, how are you?")
        await client.until("History")
        assert client.kinds() == ["Welcome", "SettingsApplied", "ConversationText", "~", "AgentAudioDone", "History"]
        assert client.texts("assistant") == ["Hello there, how are you?"]
        assert len(client.audio()) == 5 * 0.1 * 24000 * 2
        await client.send({"type": "InjectUserMessage", "content": "fine"})
        await client.until("LatencyReport")
        assert engine.mind.requests[0].messages == (AgentText("Hello there, how are you?"), UserText("fine"))


async def test_a_spoken_turn_with_a_call_comes_in_the_order_of_the_protocol() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        engine.ear.say_next = "turn on the lamp"
        await opened(client)
        await client.send_audio(silence(0.3) + speech(1.0) + ENDED)
        request = await client.until("FunctionCallRequest")
        (call,) = request["functions"]
        assert call["client_side"] is True
        assert call["arguments"] == '{"on":true}'
        await answer(client, request)
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "Done: the lamp is on"})
        assert client.kinds() == [
            "Welcome",
            "SettingsApplied",
            "UserStartedSpeaking",
            "ConversationText",
            "FunctionCallRequest",
            "FunctionCallResponse",
            "ConversationText",
            "~",
            "AgentAudioDone",
            "History",
            "History",
            "LatencyReport",
            "History",
        ]
        assert client.texts("user") == ["turn on the lamp"]
        assert client.texts("assistant") == ["Done: the lamp is on"]
        history = client.of_type("History")[1]["function_calls"][0]
        assert history == call | {"response": "the lamp is on"}


async def test_the_latencies_of_a_spoken_turn_add_up() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        engine.ear.say_next = "the lamp"
        await opened(client, think={"provider": {"type": "open_ai", "model": "any"}, "functions": [DEFERRED_LAMP]})
        await client.speak(speech(0.6) + silence(0.56))
        request = await client.until("FunctionCallRequest")
        await asyncio.sleep(0.2)
        await answer(client, request)
        report = await client.until("LatencyReport")
        parts = ("endpointing_latency", "stt_latency", "ttt_text_latency", "function_latency", "tts_latency")
        assert sum(report[part] for part in parts) == pytest.approx(report["total_latency"], abs=0.002)
        assert 0.45 < report["endpointing_latency"] < 5
        assert 0.2 <= report["function_latency"] < 5


async def test_a_typed_turn_has_no_listening_in_its_report() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "hi"})
        report = await client.until("LatencyReport")
        assert "ttt_tool_latency" not in report
        assert "stt_latency" not in report
        assert "endpointing_latency" not in report
        await client.until("AgentAudioDone")
        assert client.kinds(without=("History",)) == [
            "Welcome",
            "SettingsApplied",
            "ConversationText",
            "ConversationText",
            "~",
            "AgentAudioDone",
            "LatencyReport",
        ]


async def test_agent_started_speaking_comes_before_the_audio_and_only_when_experimental() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(settings(greeting="hello", **with_lamp()) | {"experimental": True})
        started = await client.until("AgentStartedSpeaking")
        assert set(started) == {"type", "total_latency", "tts_latency", "ttt_latency"}
        await client.until("AgentAudioDone")
        kinds = client.kinds()
        assert kinds.index("AgentStartedSpeaking") < kinds.index("~")


async def test_history_can_be_switched_off() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await client.send(settings(greeting="hello", **with_lamp()) | {"flags": {"history": False}})
        await client.until("AgentAudioDone")
        await client.send({"type": "InjectUserMessage", "content": "lamp"})
        await answer(client, await client.until("FunctionCallRequest"))
        await client.until("AgentAudioDone", after=len(client.items))
        assert "History" not in client.kinds()


async def test_barge_in_stops_the_audio_and_history_keeps_what_was_heard() -> None:
    count = "one two three four five six seven eight nine ten"
    async with made_up_engine(say([count]), word_s=0.3) as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "count"})
        await client.until("AgentAudioDone")
        at = len(client.items)
        await client.speak(silence(0.5) + speech(0.5))
        await client.until("UserStartedSpeaking", after=at)
        engine.ear.say_next = "stop"
        await client.send_audio(ENDED)
        await client.until("AgentAudioDone", after=at)
        heard = engine.mind.requests[-1].messages[1]
        assert isinstance(heard, AgentText)
        assert count.startswith(heard.text)
        assert 2 <= len(heard.text.split()) < 10


async def test_an_interrupted_reply_that_was_still_being_sent_gets_its_audio_done_after_the_interruption() -> None:
    def mind(_: ThinkRequest) -> list[ThinkEvent | float]:
        return [Say("one two three"), 30.0, Say("never")]

    async with made_up_engine(mind, word_s=0.5) as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "count"})
        await client.until(lambda item: isinstance(item, dict) and item.get("role") == "assistant")
        at = len(client.items)
        await client.speak(silence(0.2) + speech(0.5))
        kept = [{"type": "History", "role": "assistant", "content": heard} for heard in ("one", "one two")]
        await client.until(lambda item: item in kept, after=at)
        kinds = [item["type"] for item in client.items[at:] if isinstance(item, dict) and item["type"] != "LatencyReport"]
        assert kinds == ["UserStartedSpeaking", "AgentAudioDone", "History", "History"], "the user's words and the agent's"
        assert client.texts("assistant") == ["one two three"]


async def test_a_short_sound_does_not_interrupt_the_agent_but_begins_a_turn_in_silence() -> None:
    async with made_up_engine(say(["a rather long reply of the agent"]), word_s=0.5) as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "talk"})
        await client.until("AgentAudioDone")
        await client.send_audio(silence(0.1) + speech(0.25) + silence(0.5))
        await client.quiet(0.3)
        assert "UserStartedSpeaking" not in client.kinds()
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send_audio(silence(0.1) + speech(0.25))
        await client.until("UserStartedSpeaking")


async def test_speech_during_a_call_cancels_it_and_a_late_answer_is_ignored() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "lamp"})
        request = await client.until("FunctionCallRequest")
        engine.ear.say_next = "never mind"
        await client.send_audio(speech(0.6))
        cancelled = await client.until("FunctionCallCancelled")
        call = request["functions"][0]
        assert cancelled["functions"] == [{"id": call["id"], "name": "set_light"}]
        await answer(client, request)
        await client.send_audio(ENDED)
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["You said never mind"]
        assert "FunctionCallResponse" not in client.kinds()
        assert not any(isinstance(message, CallMade) for message in engine.mind.requests[-1].messages)


async def test_an_unanswered_call_times_out_and_the_agent_goes_on() -> None:
    async with made_up_engine(function_timeout_s=0.2) as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "lamp"})
        warning = await client.until("Warning")
        assert warning["code"] == "FUNCTION_CALL_TIMEOUT"
        await client.until("AgentAudioDone")
        assert "did not answer" in client.texts("assistant")[0]


async def test_calls_of_one_round_go_out_one_message_each_and_come_back_in_any_order() -> None:
    def two_calls(request: ThinkRequest) -> list[ThinkEvent | float]:
        last = request.messages[-1]
        if isinstance(last, CallMade):
            results = [str(message.result) for message in request.messages if isinstance(message, CallMade)]
            return [Say(" and ".join(results))]
        return [Say("One moment."), Call("set_light", {"n": 1}, id="a"), Call("set_light", {"n": 2}, id="b")]

    async with made_up_engine(two_calls) as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "both"})
        await client.until(lambda item: item.get("functions", [{}])[0].get("id") == "b" if isinstance(item, dict) else False)
        for call_id in ("b", "a"):
            await client.send(
                {"type": "FunctionCallResponse", "id": call_id, "name": "set_light", "content": f"result {call_id}"}
            )
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == "result a and result b")
        assert [len(request["functions"]) for request in client.of_type("FunctionCallRequest")] == [1, 1]


async def test_an_unknown_or_second_answer_does_no_harm() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "FunctionCallResponse", "id": "nobody", "name": "set_light", "content": "?"})
        assert (await client.until("Warning"))["code"] == "UNMATCHED_FUNCTION_RESPONSE"
        await client.send({"type": "InjectUserMessage", "content": "lamp"})
        request = await client.until("FunctionCallRequest")
        await answer(client, request)
        await answer(client, request, "something else")
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Done: the lamp is on"]
        assert len(client.of_type("FunctionCallResponse")) == 1


async def test_a_filler_injected_while_a_call_is_open_is_spoken_and_the_turn_goes_on() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "lamp"})
        request = await client.until("FunctionCallRequest")
        await client.send({"type": "InjectAgentMessage", "message": "Let me look that up for you..."})
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Let me look that up for you..."]
        await answer(client, request)
        await client.until("AgentAudioDone", after=len(client.items))
        assert client.texts("assistant")[1] == "Done: the lamp is on"
        assert "InjectionRefused" not in client.kinds()


@pytest.mark.parametrize("behavior", ["default", "queue", "interrupt"])
async def test_an_injected_message_is_spoken_in_silence(behavior: str) -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectAgentMessage", "message": "Tea is ready.", "behavior": behavior})
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Tea is ready."]


async def test_an_injected_message_is_accepted_under_its_other_name() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectAgentMessage", "content": "Tea is ready."})
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Tea is ready."]


async def test_while_the_agent_is_heard_an_injection_is_refused_queued_or_replaces_it() -> None:
    async with made_up_engine(word_s=0.5) as engine, engine.client() as client:
        await opened(client, greeting="one two three four")
        await client.until("AgentAudioDone")  # sent, but it plays for two more seconds
        await client.send({"type": "InjectAgentMessage", "message": "no"})
        assert "speaking" in (await client.until("InjectionRefused"))["message"]
        await client.quiet(0.6)
        await client.send({"type": "InjectAgentMessage", "message": "queued", "behavior": "queue"})
        await client.send({"type": "InjectAgentMessage", "message": "now", "behavior": "interrupt"})
        await client.until(lambda item: isinstance(item, dict) and item.get("content") == "now")
        await client.send({"type": "InjectUserMessage", "content": "so"})
        await client.until("LatencyReport")
        (said, user) = engine.mind.requests[0].messages
        assert isinstance(said, AgentText)
        assert said.text.startswith("one")
        assert "four" not in said.text
        assert said.text.endswith("now")
        assert user == UserText("so")


@pytest.mark.parametrize(("behavior", "spoken"), [("default", False), ("queue", False), ("interrupt", True)])
async def test_while_the_user_speaks_only_an_interrupting_injection_is_spoken(behavior: str, spoken: bool) -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send_audio(speech(0.6))
        await client.until("UserStartedSpeaking")
        await client.send({"type": "InjectAgentMessage", "message": "hey", "behavior": behavior})
        await client.until("AgentAudioDone" if spoken else "InjectionRefused")


async def test_the_prompt_grows_the_functions_change_and_the_voice_does_too() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "UpdatePrompt", "prompt": "Be kind."})
        await client.until("PromptUpdated")
        await client.send({"type": "InjectUserMessage", "content": "a"})
        await client.until("AgentAudioDone")
        assert engine.mind.requests[-1].prompt == "Be brief.\n\nBe kind."
        other = LAMP | {"name": "other"}
        think = {"provider": {"type": "open_ai", "model": "any"}, "prompt": "New.", "functions": [other]}
        await client.send({"type": "UpdateThink", "think": think})
        await client.until("ThinkUpdated")
        await client.send({"type": "UpdateSpeak", "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}}})
        await client.until("SpeakUpdated")
        listen = {"provider": {"type": "deepgram", "model": "nova-3", "language": "en"}}
        await client.send({"type": "UpdateListen", "listen": listen})
        await client.until("ListenUpdated")
        await client.send({"type": "InjectUserMessage", "content": "b"})
        await client.until("AgentAudioDone", after=len(client.items))
        assert engine.mind.requests[-1].prompt == "New."
        assert engine.mind.requests[-1].functions == (other,)


async def test_context_messages_become_the_history() -> None:
    context = {
        "messages": [
            {"type": "History", "role": "user", "content": "lamp please"},
            {
                "type": "History",
                "function_calls": [
                    {"id": "x", "name": "set_light", "client_side": True, "arguments": '{"on":true}', "response": "ok"}
                ],
            },
            {"type": "History", "role": "assistant", "content": "It is on."},
        ]
    }
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client, context=context)
        await client.send({"type": "InjectUserMessage", "content": "thanks"})
        await client.until("AgentAudioDone")
        assert engine.mind.requests[0].messages == (
            UserText("lamp please"),
            CallMade("x", "set_light", {"on": True}, "ok"),
            AgentText("It is on."),
            UserText("thanks"),
        )


async def test_texts_sent_at_once_are_answered_one_after_the_other() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        for text in ("a", "b", "c"):
            await client.send({"type": "InjectUserMessage", "content": text})
        await client.until(lambda item: item == {"type": "History", "role": "assistant", "content": "You said c"})
        assert client.texts("assistant") == ["You said a", "You said b", "You said c"]
        assert len(client.of_type("AgentAudioDone")) == 3


async def test_a_sound_without_words_makes_no_turn() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        engine.ear.say_next = ""
        await opened(client)
        await client.send_audio(speech(0.6) + ENDED)
        await client.quiet(0.3)
        assert engine.ear.heard_s
        assert client.texts("user") == []


async def test_the_recogniser_works_during_the_silence_and_starts_over_when_speech_resumes() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.speak(speech(0.5) + silence(0.3) + speech(0.5) + ENDED)
        await client.until("AgentAudioDone")
        assert len(engine.ear.heard_s) == 2
        assert engine.ear.heard_s[1] > 1.2
        assert client.texts("user") == ["hello"]


async def test_audio_in_any_split_is_heard_the_same() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        audio = silence(0.2) + speech(0.6) + ENDED
        for start in range(0, len(audio), 777):
            await client.send_audio(audio[start : start + 777])
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["hello"]


async def test_thoughts_are_shown_and_not_spoken() -> None:
    async with made_up_engine(lambda _: [Thought("hm"), Say("Yes.")]) as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "well?"})
        assert (await client.until("AgentThinking"))["content"] == "hm"
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Yes."]


async def test_container_wav_puts_a_header_before_each_reply() -> None:
    async with made_up_engine() as engine, engine.client() as client:
        message = settings(**with_lamp(greeting="hello you"))
        message["audio"] = {"output": {"encoding": "linear16", "sample_rate": 16000, "container": "wav"}}
        await client.send(message)
        await client.until("AgentAudioDone")
        assert client.audio().startswith(b"RIFF")
        assert len(client.audio()) == 44 + 0.2 * 16000 * 2


@pytest.mark.parametrize(("encoding", "rate"), [("mulaw", 8000), ("alaw", 8000), ("linear16", 48000)])
async def test_other_output_formats_have_the_right_length(encoding: str, rate: int) -> None:
    async with made_up_engine() as engine, engine.client() as client:
        message = settings(**with_lamp(greeting="hello you"))
        message["audio"] = {"output": {"encoding": encoding, "sample_rate": rate}}
        await client.send(message)
        await client.until("AgentAudioDone")
        width = 2 if encoding == "linear16" else 1
        assert len(client.audio()) == pytest.approx(0.2 * rate * width, abs=20 * width)
        assert all(len(item) % width == 0 and len(item) <= 65536 for item in client.items if isinstance(item, bytes))


async def test_telephone_audio_is_heard() -> None:
    import audioop

    async with made_up_engine() as engine, engine.client() as client:
        message = settings(**with_lamp())
        message["audio"] = {"input": {"encoding": "mulaw", "sample_rate": 8000}}
        await client.send(message)
        linear = silence(0.3, rate=8000) + speech(0.6, rate=8000) + silence(0.8, rate=8000)
        await client.send_audio(audioop.lin2ulaw(linear, 2))
        await client.until("AgentAudioDone")
        assert client.texts("user") == ["hello"]


async def test_endless_rounds_of_calls_are_ended() -> None:
    async with made_up_engine(lambda _: [Call("set_light", {})]) as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "go"})
        for _ in range(10):
            await answer(client, await client.until("FunctionCallRequest", after=len(client.items)))
        assert (await client.until("Warning"))["code"] == "THINK_REQUEST_FAILED"
        await client.until("AgentAudioDone")
        assert client.texts("assistant") == ["Sorry, I got lost in that. Could you ask me again?"]


async def test_a_call_of_an_undeclared_function_is_told_to_the_thinker() -> None:
    def mind(request: ThinkRequest) -> list[ThinkEvent | float]:
        last = request.messages[-1]
        return [Say(str(last.result))] if isinstance(last, CallMade) else [Call("launch_rocket", {})]

    async with made_up_engine(mind) as engine, engine.client() as client:
        await opened(client)
        await client.send({"type": "InjectUserMessage", "content": "go"})
        assert (await client.until("Warning"))["code"] == "FUNCTION_CALL_FAILED"
        await client.until("AgentAudioDone")
        assert "FunctionCallRequest" not in client.kinds()
        assert client.texts("assistant") == ["There is no function of that name."]


OWN_MODEL = {"provider": {"type": "open_ai", "model": "any"}, "endpoint": {"url": "https://llm.example.org/v1?key=secret"}}
OWN_VOICE = {
    "provider": {"type": "eleven_labs", "model_id": "any", "language_code": "en-US"},
    "endpoint": {"url": "wss://voice.example.org/v1"},
}


@pytest.mark.parametrize(
    ("agent", "told"),
    [
        ({"think": OWN_MODEL}, "/agent/think/endpoint/url https://llm.example.org:443 is not in"),
        ({"speak": [{}, OWN_VOICE]}, "/agent/speak/1/endpoint/url wss://voice.example.org:443 is not in"),
    ],
)
async def test_settings_with_an_endpoint_that_is_not_listed_are_refused_before_anything_is_thought(
    agent: dict[str, Any], told: str
) -> None:
    elsewhere = ("https://llm.example.org:8443", "http://llm.example.org", "https://voice.example.org")
    async with made_up_engine(allowed_endpoints=elsewhere) as engine, engine.client() as client:
        await client.send(settings(greeting="hello", **agent))
        error = await client.until("Error")
        assert error["code"] == "INVALID_SETTINGS"
        assert f"{told} [security] allowed_endpoints" in error["description"]
        assert "secret" not in error["description"]
        assert await client.closed() == 1008
        assert "SettingsApplied" not in client.kinds()


@pytest.mark.parametrize(
    ("update", "told"),
    [
        ({"type": "UpdateThink", "think": OWN_MODEL}, "/think/endpoint/url https://llm.example.org:443"),
        ({"type": "UpdateThink", "think": [{}, OWN_MODEL]}, "/think/1/endpoint/url https://llm.example.org:443"),
        ({"type": "UpdateSpeak", "speak": OWN_VOICE}, "/speak/endpoint/url wss://voice.example.org:443"),
    ],
)
async def test_an_update_to_an_endpoint_that_is_not_listed_is_refused(update: dict[str, Any], told: str) -> None:
    async with made_up_engine() as engine, engine.client() as client:
        await opened(client)
        await client.send(update)
        error = await client.until("Error")
        assert error["code"] == "INVALID_SETTINGS"
        assert f"{told} is not in [security] allowed_endpoints" in error["description"]
        assert await client.closed() == 1008
        assert not {"ThinkUpdated", "SpeakUpdated"} & set(client.kinds())


async def test_endpoints_of_listed_origins_are_taken_in_settings_and_updates() -> None:
    listed = ("https://llm.example.org", "wss://voice.example.org:443/")
    async with made_up_engine(allowed_endpoints=listed) as engine, engine.client() as client:
        await opened(client, think=OWN_MODEL, speak=OWN_VOICE)
        await client.send({"type": "UpdateThink", "think": OWN_MODEL | {"prompt": "Be kind."}})
        await client.until("ThinkUpdated")
        await client.send({"type": "UpdateSpeak", "speak": OWN_VOICE})
        await client.until("SpeakUpdated")
        await client.send({"type": "InjectUserMessage", "content": "hi"})
        await client.until("AgentAudioDone")
        assert engine.mind.requests[0].endpoint == OWN_MODEL["endpoint"]
