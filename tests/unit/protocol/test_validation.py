"""Faults of Settings documents: each is found, at its place, and says what is accepted."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.protocol.settings import block_faults, encoding_faults, validate

OPEN_AI = {"type": "open_ai", "model": "gpt-4o-mini"}
AURA = {"type": "deepgram", "model": "aura-2-thalia-en"}
FLUX = {"type": "deepgram", "version": "v2", "model": "flux-kit-en"}
BYO = {"url": "https://h/v1"}


def _pointers(document: dict[str, Any]) -> list[str]:
    return [fault.pointer for fault in validate({"agent": {}} | document)]


def _think(**block: Any) -> dict[str, Any]:
    return {"agent": {"think": {"provider": OPEN_AI} | block}}


def _provider(**provider: Any) -> dict[str, Any]:
    return {"agent": {"think": {"provider": provider, "endpoint": BYO}}}


def _listen(**provider: Any) -> dict[str, Any]:
    return {"agent": {"listen": {"provider": provider}}}


def _speak(**provider: Any) -> dict[str, Any]:
    return {"agent": {"speak": {"provider": provider, "endpoint": BYO}}}


def _functions(*functions: Any) -> dict[str, Any]:
    return _think(functions=list(functions))


def _input(**sound: Any) -> dict[str, Any]:
    return {"audio": {"input": sound}}


def _output(**sound: Any) -> dict[str, Any]:
    return {"audio": {"output": sound}}


P_THINK, P_LISTEN, P_SPEAK = "/agent/think/provider", "/agent/listen/provider", "/agent/speak/provider"
FAULTY: list[tuple[dict[str, Any], str, str]] = [
    # the whole
    ({"type": "SettingsConfiguration"}, "/type", "must be one of Settings, not 'SettingsConfiguration'"),
    ({"agent": None}, "/agent", "is required"),
    ({"agent": "home"}, "/agent", "UUID of a reusable configuration"),
    ({"agent": ["x"]}, "/agent", "must be an object, not an array"),
    ({"tags": "one"}, "/tags", "must be an array, not a string"),
    ({"tags": ["a", 1]}, "/tags/1", "must be a string, not a number"),
    ({"experimental": "yes"}, "/experimental", "must be true or false, not a string"),
    ({"mip_opt_out": 1}, "/mip_opt_out", "must be true or false"),
    ({"flags": {"history": "on"}}, "/flags/history", "must be true or false"),
    ({"settings": {"flags": {"history": 0}}}, "/settings/flags/history", "must be true or false"),
    ({"agent": {"greeting": 5}}, "/agent/greeting", "must be a string"),
    ({"agent": {"language": {}}}, "/agent/language", "must be a string"),
    # audio
    ({"audio": []}, "/audio", "must be an object"),
    (_input(encoding="mp4"), "/audio/input/encoding", "linear16, mulaw, alaw, linear32"),
    (_input(encoding=["linear16"]), "/audio/input/encoding", "not an array"),
    (_input(sample_rate="16000"), "/audio/input/sample_rate", "must be a whole number from 8000 to 192000 Hz, not '16000'"),
    (_input(sample_rate=0), "/audio/input/sample_rate", "not 0"),
    (_input(sample_rate=16000.5), "/audio/input/sample_rate", "not 16000.5"),
    (_input(sample_rate=True), "/audio/input/sample_rate", "not a boolean"),
    (_input(sample_rate=float("nan")), "/audio/input/sample_rate", "must be a whole number"),
    (_input(sample_rate=float("inf")), "/audio/input/sample_rate", "must be a whole number"),
    (_input(encoding="amr-nb", sample_rate=16000), "/audio/input/sample_rate", "must be 8000 for amr-nb"),
    (_output(encoding="linear32"), "/audio/output/encoding", "linear16, mulaw, alaw, mp3"),
    (_output(container="mkv"), "/audio/output/container", "none, wav, ogg"),
    (_output(bitrate=-1), "/audio/output/bitrate", "must be a whole number of at least 1 bit/s"),
    (_output(container="wav") | {"agent": {"speak": {"provider": FLUX}}}, "/audio/output/container", "none"),
    (_output(encoding="mp3") | {"agent": {"speak": [{"provider": FLUX}]}}, "/audio/output/encoding", "linear16, mulaw, alaw"),
    (_output(sample_rate=22050) | {"agent": {"speak": {"provider": FLUX}}}, "/audio/output/sample_rate", "44100"),
    # listen
    (_listen(type="whisper"), f"{P_LISTEN}/type", "deepgram"),
    (_listen(version="v3"), f"{P_LISTEN}/version", "v1, v2"),
    (_listen(version=2), f"{P_LISTEN}/version", "v1, v2"),
    (_listen(model="flux-general-en"), f"{P_LISTEN}/version", "must be v2 for flux models"),
    (_listen(model=""), f"{P_LISTEN}/model", "not empty"),
    (_listen(smart_format="yes"), f"{P_LISTEN}/smart_format", "true or false"),
    (_listen(version="v2"), f"{P_LISTEN}/model", "is required"),
    (_listen(version="v2", model="nova-3"), f"{P_LISTEN}/model", "flux-general-en or flux-general-multi"),
    (_listen(version="v2", model="flux-general-en", eot_threshold=0.4), f"{P_LISTEN}/eot_threshold", "from 0.5 to 1, not 0.4"),
    (_listen(version="v2", model="flux-general-en", eager_eot_threshold=0.8), f"{P_LISTEN}/eager_eot_threshold", "(0.7)"),
    (_listen(version="v2", model="flux-general-en", eot_timeout_ms=100), f"{P_LISTEN}/eot_timeout_ms", "500 to 10000 ms"),
    (_listen(keyterms="agentd"), f"{P_LISTEN}/keyterms", "must be an array"),
    ({"agent": {"listen": {"provider": "deepgram"}}}, P_LISTEN, "must be an object"),
    # think
    ({"agent": {"think": []}}, "/agent/think", "at least one"),
    ({"agent": {"think": "gpt"}}, "/agent/think", "must be an object"),
    ({"agent": {"think": [{"provider": OPEN_AI}, 1]}}, "/agent/think/1", "must be an object"),
    (_provider(), f"{P_THINK}/type", "is required: one of open_ai, anthropic"),
    (_provider(type="openai", model="m"), f"{P_THINK}/type", "open_ai, anthropic, google, groq, aws_bedrock, deepgram, nvidia"),
    (_provider(type="open_ai"), f"{P_THINK}/model", "is required"),
    (_provider(type="open_ai", model="m", temperature=2.1), f"{P_THINK}/temperature", "from 0 to 2"),
    (_provider(type="open_ai", model="m", temperature=True), f"{P_THINK}/temperature", "not a boolean"),
    (_provider(type="anthropic", model="m", temperature=1.5), f"{P_THINK}/temperature", "from 0 to 1"),
    (_provider(type="groq", reasoning_mode="deep"), f"{P_THINK}/reasoning_mode", "none, minimal, low, medium, high"),
    (_provider(type="aws_bedrock", model="m", credentials={"type": "root"}), f"{P_THINK}/credentials/type", "iam, sts"),
    ({"agent": {"think": {"provider": {"type": "groq"}}}}, "/agent/think/endpoint", "is required for provider groq"),
    ({"agent": {"think": {"provider": {"type": "google"}}}}, f"{P_THINK}/model", "is required unless endpoint.url"),
    (_think(endpoint={}), "/agent/think/endpoint/url", "is required"),
    (_think(endpoint={"url": "api.openai.com/v1"}), "/agent/think/endpoint/url", "begins with https:// or http://"),
    (_think(endpoint={"url": "https://[half"}), "/agent/think/endpoint/url", "absolute URL"),
    (_think(endpoint={"url": 5}), "/agent/think/endpoint/url", "absolute URL"),
    (
        _think(endpoint=BYO | {"headers": [{"key": "k", "value": "v"}]}),
        "/agent/think/endpoint/headers",
        "an object, not an array",
    ),
    (_think(endpoint=BYO | {"headers": {"a/b~c": 1}}), "/agent/think/endpoint/headers/a~1b~0c", "must be a string"),
    (_think(prompt=["p"]), "/agent/think/prompt", "must be a string"),
    (_think(context_length="all"), "/agent/think/context_length", '"max"'),
    (_think(context_length=0), "/agent/think/context_length", "of at least 1"),
    # functions
    (_think(functions={}), "/agent/think/functions", "must be an array"),
    (_functions("f"), "/agent/think/functions/0", "must be an object"),
    (_functions({}), "/agent/think/functions/0/name", "is required"),
    (_functions({"name": " "}), "/agent/think/functions/0/name", "not empty"),
    (_functions({"name": "f"}, {"name": "f"}), "/agent/think/functions/1/name", "taken by an earlier function: 'f'"),
    (_functions({"name": "f", "parameters": "none"}), "/agent/think/functions/0/parameters", "must be an object"),
    (_functions({"name": "f", "defer_until_eot": "no"}), "/agent/think/functions/0/defer_until_eot", "true or false"),
    (_functions({"name": "f", "agent_filler_interval_ms": 1}), "/agent/think/functions/0/agent_filler_interval_ms", "1000 to"),
    (_functions({"name": "f", "endpoint": {}}), "/agent/think/functions/0/endpoint/url", "is required"),
    (_functions({"name": "f", "endpoint": BYO | {"method": "FETCH"}}), "/agent/think/functions/0/endpoint/method", "GET, POST"),
    # speak
    ({"agent": {"speak": []}}, "/agent/speak", "at least one"),
    (_speak(model="aura"), f"{P_SPEAK}/type", "deepgram, eleven_labs, cartesia, open_ai, aws_polly"),
    (_speak(type="deepgram"), f"{P_SPEAK}/model", "is required"),
    (_speak(**AURA, speed=0.6), f"{P_SPEAK}/speed", "from 0.7 to 1.5"),
    (_speak(**FLUX, speed=0.4), f"{P_SPEAK}/speed", "from 0.5 to 1.5"),
    (_speak(**FLUX, expressivity=3), f"{P_SPEAK}/expressivity", "from -2 to 2"),
    (_speak(type="eleven_labs"), f"{P_SPEAK}/model_id", "is required"),
    (_speak(type="cartesia", model_id="sonic-2", voice="x"), f"{P_SPEAK}/voice", "must be an object"),
    (_speak(type="open_ai", model="tts-1"), f"{P_SPEAK}/voice", "is required"),
    ({"agent": {"speak": {"provider": {"type": "open_ai", "model": "m", "voice": "v"}}}}, "/agent/speak/endpoint", "required"),
    ({"agent": {"speak": {"provider": AURA, "endpoint": {"url": "ftp://h"}}}}, "/agent/speak/endpoint/url", "wss://"),
    # think live, context
    ({"agent": {"think_live": {"provider": {"type": "other"}}}}, "/agent/think_live/provider/type", "deepgram"),
    ({"agent": {"context": []}}, "/agent/context", "must be an object"),
    ({"agent": {"context": {"messages": ["hi"]}}}, "/agent/context/messages/0", "must be an object"),
    ({"agent": {"context": {"messages": [{"role": "user"}]}}}, "/agent/context/messages/0/content", "is required"),
    (
        {"agent": {"context": {"messages": [{"role": "system", "content": "x"}]}}},
        "/agent/context/messages/0/role",
        "user, assistant",
    ),
    (
        {"agent": {"context": {"messages": [{"function_calls": [{"id": "1", "name": "f", "arguments": "{}"}]}]}}},
        "/agent/context/messages/0/function_calls/0/response",
        "is required",
    ),
]


@pytest.mark.parametrize(("document", "pointer", "says"), FAULTY, ids=[f"{pointer}-{says}" for _, pointer, says in FAULTY])
def test_a_fault_is_found_at_its_place_and_says_what_is_accepted(document: dict[str, Any], pointer: str, says: str) -> None:
    faults = validate({"agent": {}} | document)
    assert [fault.pointer for fault in faults] == [pointer]
    assert says in faults[0].detail


def test_every_fault_is_reported_not_only_the_first() -> None:
    document = _input(encoding="x", sample_rate=1) | {"agent": {"think": [{"provider": {}}, {"prompt": 1}], "greeting": 1}}
    assert set(_pointers(document)) == {
        "/audio/input/encoding",
        "/audio/input/sample_rate",
        "/agent/think/0/provider/type",
        "/agent/think/1/prompt",
        "/agent/greeting",
    }


@pytest.mark.parametrize(
    "document",
    [
        {"agent": {"speak": {}}},
        {"agent": {"think": {}, "listen": {}, "think_live": {}}},
        {"audio": None, "agent": {}},
        _output(container="wav"),
        _output(container="wav") | {"agent": {"speak": {}}},
        _output(encoding="opus", bitrate=32000, container="ogg"),
        {"agent": {"speak": {"provider": FLUX}}},
        _output(encoding="mulaw", sample_rate=8000.0) | {"agent": {"speak": {"provider": FLUX}}},
        _listen(version="v2", model="flux-general-en", eot_threshold=0.9, eager_eot_threshold=0.8),
        _think(functions=[]),
        _think(context_length=5000.0),
    ],
)
def test_what_clients_rightly_send_has_no_fault(document: dict[str, Any]) -> None:
    assert validate({"agent": {}} | document) == []


def test_a_fault_never_repeats_a_header_a_key_or_a_url() -> None:
    secret = "s3cret"
    endpoint = {"url": f"htp://h/?key={secret}", "headers": {"api-key": [secret]}}
    document = {"agent": {"think": {"provider": OPEN_AI | {"credentials": secret}, "endpoint": endpoint}}}
    faults = validate(document)
    assert len(faults) == 2
    assert not any(secret in fault.detail for fault in faults)


def test_the_blocks_of_updates_are_judged_alone_with_their_own_pointers() -> None:
    faults = block_faults("speak", [{"provider": AURA}, {"provider": {"type": "deepgram"}}], "/speak")
    assert [fault.pointer for fault in faults] == ["/speak/1/provider/model"]
    assert block_faults("think", {"provider": OPEN_AI}, "/think") == []


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({}, []),
        ({"audio": "loud"}, []),  # validate has said so
        (_input(encoding="mulaw", sample_rate=8000), []),
        (_output(encoding="alaw", sample_rate=48000, container="wav"), []),
        (_input(encoding="opus", sample_rate=48000), ["/audio/input/encoding"]),
        (_input(encoding="linear16", sample_rate=96000), ["/audio/input/sample_rate"]),
        (_output(encoding="mp3", container="ogg"), ["/audio/output/encoding", "/audio/output/container"]),
    ],
)
def test_what_agentd_cannot_hear_or_speak_itself_is_told_apart(document: dict[str, Any], pointers: list[str]) -> None:
    assert [fault.pointer for fault in encoding_faults(document)] == pointers
    if pointers and "96000" not in str(document):
        assert validate({"agent": {}} | document) == []


known_keys = st.sampled_from(
    ["agent", "audio", "input", "think", "speak", "listen", "provider", "type", "version", "endpoint", "model"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["agent", "audio", "input", "think", "speak", "listen", "provider", "type", "version", "endpoint", "model"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(["agent", "audio", "type", "tags", "flags"]), json_values))
def test_any_document_is_judged_and_every_pointer_leads_to_a_place_or_to_what_is_missing(document: dict[str, Any]) -> None:
    for fault in validate(document) + encoding_faults(document):
        place: Any = document
        *path, last = [part.replace("~1", "/").replace("~0", "~") for part in fault.pointer.split("/")[1:]] or [""]
        for part in path:
            place = place[int(part)] if isinstance(place, list) else place[part]
        if last:
            assert isinstance(place, dict) or int(last) < len(place)
