import asyncio
import io
import wave
from typing import Any

import pytest

from tests.support.commands import Ear, outcome
from tests.unit.http.conftest import Api, ApiOf
from tests.unit.http.test_audio import speech, wav

PROMPT = "/v1/sessions/kitchen/prompt"


async def test_the_prompt_is_shown_replaced_and_added_to(api: Api) -> None:
    await api.session()
    assert (await api.call("GET", PROMPT)).json["prompt"] == "You are a test."
    assert (await api.call("PUT", PROMPT, json={"prompt": "Be kind."})).json["state"] == "applied"
    assert (await api.call("PATCH", PROMPT, json={"append": "And brief."})).json["state"] == "applied"
    assert (await api.call("GET", PROMPT)).json["prompt"] == "Be kind.\n\nAnd brief."
    sent = api.world.peer.connections[0]
    assert sent.of_type("UpdateThink")[0]["think"]["prompt"] == "Be kind."
    assert sent.of_type("UpdateThink")[0]["think"]["functions"][0]["name"] == "set_light"
    assert sent.of_type("UpdatePrompt")[0]["prompt"] == "And brief."


async def test_a_prompt_may_be_plain_text(api: Api) -> None:
    await api.session()
    text = {"Content-Type": "text/plain; charset=utf-8"}
    assert (await api.call("PUT", PROMPT, data="Sei höflich.".encode(), headers=text)).status == 200
    assert (await api.call("GET", PROMPT)).json["prompt"] == "Sei höflich."


async def test_a_prompt_that_is_too_long_is_refused_and_nothing_is_sent(api: Api) -> None:
    await api.session()
    problem = (await api.call("PUT", PROMPT, json={"prompt": "x" * 25_001})).problem(422, "invalid-request")
    assert problem["errors"][0]["pointer"] == "/prompt"
    assert api.world.peer.connections[0].of_type("UpdateThink") == []


async def test_prompts_are_words(api: Api) -> None:
    await api.session()
    (await api.call("GET", PROMPT, headers=api.auth("control"))).problem(403, "forbidden")


async def test_blocks_are_merged_and_sent_whole(api: Api) -> None:
    await api.session()
    body = {"provider": {"model": "aura-2-orion-en"}}
    assert (await api.call("PUT", "/v1/sessions/kitchen/speak", json=body)).json["state"] == "applied"
    sent = api.world.peer.connections[0].of_type("UpdateSpeak")[0]["speak"]
    assert sent["provider"] == {"type": "deepgram", "model": "aura-2-orion-en"}
    assert (await api.call("GET", "/v1/sessions/kitchen/speak")).json == sent
    assert (await api.call("GET", "/v1/sessions/kitchen/think")).json["prompt"] == "You are a test."
    assert (await api.call("PUT", "/v1/sessions/kitchen/think?wait=none", json={"provider": {"temperature": 0.1}})).status == 202


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"endpoint": {"url": "http://evil.example/v1"}}, 422, "invalid-settings"),
        ([1], 422, "invalid-request"),
        (None, 422, "invalid-request"),
    ],
)
async def test_blocks_that_cannot_be_are_refused(api: Api, body: Any, status: int, code: str) -> None:
    await api.session()
    options = {} if body is None else {"json": body}
    (await api.call("PUT", "/v1/sessions/kitchen/think", **options)).problem(status, code)


async def test_a_message_that_waits_answers_the_turn_with_its_calls(api: Api) -> None:
    await api.session()
    turn = (
        await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply", json={"role": "user", "content": "the lamp, please"})
    ).json
    assert turn["heard"] == "the lamp, please"
    assert turn["said"] == "Done. The lamp in the living room is on."
    assert turn["outcome"] == "completed"
    assert [(call["name"], call["outcome"]) for call in turn["calls"]] == [("set_light", "ok")]


async def test_without_scope_transcripts_a_reply_has_no_words(api: Api) -> None:
    await api.session()
    answer = await api.call(
        "POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": "the lamp, please"}, headers=api.auth("control")
    )
    assert answer.status == 200
    assert answer.json["outcome"] == "completed"
    assert answer.json["calls"][0]["name"] == "set_light"
    for word in (b"lamp", b"Done", b"living"):
        assert word not in answer.body


async def test_a_reply_can_be_had_as_sound(api: Api) -> None:
    await api.session()
    answer = await api.call(
        "POST", "/v1/sessions/kitchen/messages?wait=reply", json={"content": "hello"}, headers={"Accept": "audio/wav"}
    )
    assert answer.headers["Content-Type"] == "audio/wav"
    with wave.open(io.BytesIO(answer.body)) as sound:
        assert (sound.getframerate(), sound.getnchannels(), sound.getsampwidth()) == (16000, 1, 2)
        assert sound.getnframes() == pytest.approx(3200, abs=400)


async def test_sound_is_words_and_needs_a_wait(api: Api) -> None:
    await api.session()
    sound = {"Accept": "audio/wav"}
    path = "/v1/sessions/kitchen/messages"
    (await api.call("POST", path, json={"content": "hello"}, headers=sound)).problem(422, "invalid-request")
    problem = await api.call("POST", f"{path}?wait=reply", json={"content": "hello"}, headers=sound | api.auth("control"))
    problem.problem(403, "forbidden")
    assert (await api.call("GET", "/v1/sessions/kitchen/turns")).json["items"] == []


async def test_an_accepted_message_answers_at_once_with_the_number_of_its_turn(api: Api) -> None:
    await api.session()
    answer = await api.call("POST", "/v1/sessions/kitchen/messages", data=b"hello", headers={"Content-Type": "text/plain"})
    assert (answer.json["state"], answer.json["turn"]) == ("accepted", 1)


async def test_the_agent_can_be_made_to_say_something(api: Api) -> None:
    await api.session()
    said = (await api.call("POST", "/v1/sessions/kitchen/say", json={"text": "Dinner is ready."})).json
    assert (said["state"], said["turn"], said["delivered"]) == ("spoken", 1, False)
    soon = await api.call("POST", "/v1/sessions/kitchen/messages", json={"role": "assistant", "content": "Soon."})
    assert (soon.status, soon.json["state"]) == (200, "accepted")
    sent = api.world.peer.connections[0].of_type("InjectAgentMessage")
    assert [(message["message"], message["behavior"]) for message in sent] == [
        ("Dinner is ready.", "queue"),
        ("Soon.", "default"),
    ]


async def test_a_refused_injection_is_409(api_of: ApiOf) -> None:
    api = await api_of(script={"on": [{"event": "inject_agent", "steps": [{"refuse": "The user is speaking."}]}]})
    await api.session()
    answer = await api.call("POST", "/v1/sessions/kitchen/messages", json={"role": "assistant", "content": "Hello."})
    assert "speaking" in answer.problem(409, "injection-refused")["detail"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("messages", {"content": ""}),
        ("messages", {"content": "x" * 4001}),
        ("messages", {"role": "system", "content": "x"}),
        ("messages", {"content": "x", "behavior": "queue"}),
        ("messages", {}),
        ("messages?wait=reply", {"role": "assistant", "content": "x"}),
        ("messages?timeout_s=301", {"content": "x"}),
        ("messages?timeout_s=nan", {"content": "x"}),
        ("say", {"text": " "}),
        ("say", {"text": "x", "behavior": "shout"}),
    ],
)
async def test_messages_that_cannot_be_are_422(api: Api, path: str, body: dict[str, Any]) -> None:
    await api.session()
    answer = await api.call("POST", f"/v1/sessions/kitchen/{path}", json=body)
    assert answer.status == 422, answer.body


async def test_a_reply_that_does_not_come_is_504(api_of: ApiOf) -> None:
    api = await api_of(script={"on": [{"event": "user", "steps": [{"wait_s": 20}]}]})
    await api.session()
    answer = await api.call("POST", "/v1/sessions/kitchen/messages?wait=reply&timeout_s=0.3", json={"content": "hello"})
    assert "timeout_s" in answer.problem(504, "upstream-timeout")["detail"]


async def test_turns_are_ended_and_speech_is_stopped(api: Api) -> None:
    await api.session()
    assert (await api.call("POST", "/v1/sessions/kitchen/end-turn")).status == 200
    assert (await api.call("POST", "/v1/sessions/kitchen/interrupt")).status == 200
    await api.world.peer.wait_for(lambda peer: bool(peer.connections[0].of_type("ForceEndTurn")))


async def test_an_ended_session_takes_no_commands(api: Api) -> None:
    await api.session()
    await api.call("DELETE", "/v1/sessions/kitchen")
    (await api.call("PUT", PROMPT, json={"prompt": "x"})).problem(409, "session-ended")
    (await api.call("POST", "/v1/sessions/kitchen/messages", json={"content": "x"})).problem(409, "session-ended")


async def test_an_announcement_is_one_line_of_curl(api: Api) -> None:
    await api.session()
    text = {"Content-Type": "text/plain"}
    said = await api.call("POST", "/v1/sessions/kitchen/say?wait=played", data=b"Dinner is ready.", headers=text)
    assert (said.status, said.json["state"]) == (200, "played")
    later = await api.call("POST", "/v1/sessions/kitchen/say?wait=none", json={"text": "And the soup gets cold."})
    assert (later.status, later.json["state"]) == (202, "accepted")
    poll = await api.call("GET", "/v1/sessions/kitchen/events?after=0&types=CommandFinished&wait_s=5")
    assert [event["data"]["outcome"] for event in poll.json["items"]][:1] == ["spoken"]


async def test_a_question_is_answered_by_who_listens(api: Api) -> None:
    session = await api.session()
    (await api.call("POST", "/v1/sessions/kitchen/ask", json={"text": "Shall I?"})).problem(409, "nobody-listening")
    Ear(session)

    async def answer() -> None:
        await session.conversation.changes.until(lambda: session.turns or None, timeout_s=30)
        await api.call("POST", "/v1/sessions/kitchen/audio", data=wav(speech(0.5)), headers={"Content-Type": "audio/wav"})

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        found = (
            await api.call("POST", "/v1/sessions/kitchen/ask", data=b"Shall I?", headers={"Content-Type": "text/plain"})
        ).json
    assert (found["answered"], found["heard"]) == (True, "turn on the lamp")
    unheard = await api.call("POST", "/v1/sessions/kitchen/ask?timeout_s=1", json={"text": "And now?", "quiet": True})
    assert (unheard.status, unheard.json["answered"]) == (200, False)


async def test_without_scope_transcripts_an_answer_has_no_words(api: Api) -> None:
    session = await api.session()

    async def answer() -> None:
        await session.conversation.changes.until(lambda: session.turns or None, timeout_s=30)
        await session.inject_user("a secret")

    async with asyncio.TaskGroup() as group:
        group.create_task(answer())
        body = {"text": "Shall I?", "answer_by": "any"}
        found = await api.call("POST", "/v1/sessions/kitchen/ask", json=body, headers=api.auth("control"))
    assert found.json["answered"] is True
    assert b"secret" not in found.body


async def test_a_caller_that_has_given_up_finds_the_outcome_by_the_id_in_the_problem(api_of: ApiOf) -> None:
    api = await api_of(script={"on": [{"event": "update", "steps": [{"wait_s": 0.3}]}]})
    session = await api.session()
    problem = (await api.call("PUT", f"{PROMPT}?timeout_s=0.1", json={"prompt": "x"})).problem(504, "upstream-timeout")
    told = await outcome(session, problem["command_id"])
    assert told["outcome"] == "applied"


async def test_a_caller_that_leaves_takes_nothing_with_it(api_of: ApiOf) -> None:
    api = await api_of(script={"on": [{"event": "inject_agent", "steps": [{"wait_s": 0.3}, {"say": "{text}", "audio_s": 0.1}]}]})
    session = await api.session()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await api.call("POST", "/v1/sessions/kitchen/say", json={"text": "Dinner."})
    assert (await outcome(session))["outcome"] == "spoken"


async def test_a_stop_that_drains_without_waiting_answers_at_once(api_of: ApiOf) -> None:
    story = {"say": "A story.", "audio_s": 0.8, "realtime": True}
    api = await api_of(script={"on": [{"event": "user", "steps": [story]}]})
    session = await api.session()
    turn = await session.inject_user("story")
    assert (await api.call("DELETE", "/v1/sessions/kitchen?drain=true&wait=none")).status == 202
    async with asyncio.timeout(30):
        await session.ended.wait()
    assert turn.outcome == "completed"
