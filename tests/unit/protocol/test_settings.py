"""Settings documents: the laws of merging, what resolving fills in, and that every change leaves the rest alone."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentd.protocol import settings
from agentd.protocol.settings import merge, resolve

Document = dict[str, Any]

keys = st.sampled_from(["agent", "audio", "think", "speak", "listen", "provider", "prompt", "functions", "type", "x"])
leaves = st.booleans() | st.integers() | st.text(max_size=5)


def _documents(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Document]:
    values = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3), max_leaves=10
    )
    return st.dictionaries(keys, values, max_size=4)


documents = _documents(leaves)
patches = _documents(leaves | st.none())


@given(documents)
def test_merging_nothing_changes_nothing(base: Document) -> None:
    assert merge(base, {}) == base
    assert merge({}, base) == base


@given(documents, patches)
def test_merging_the_same_twice_is_merging_it_once(base: Document, patch: Document) -> None:
    once = merge(base, patch)
    assert merge(once, patch) == once


@given(documents, documents, documents)
def test_merging_documents_without_nulls_is_associative(one: Document, two: Document, three: Document) -> None:
    # With an object over a value over an object the middle value is what counts: that is replacing, not merging.
    if _shapes_agree(one, two) and _shapes_agree(two, three) and _shapes_agree(one, three):
        assert merge(merge(one, two), three) == merge(one, merge(two, three))


def _shapes_agree(one: Document, two: Document) -> bool:
    """No key is an object in one and something else in the other."""
    return all(
        isinstance(one[key], dict) == isinstance(two[key], dict)
        and (not isinstance(one[key], dict) or _shapes_agree(one[key], two[key]))
        for key in one.keys() & two.keys()
    )


@given(documents, patches)
def test_what_the_patch_names_is_in_the_result_and_the_rest_is_untouched(base: Document, patch: Document) -> None:
    merged = merge(base, patch)
    for key, value in patch.items():
        if value is None:
            assert key not in merged
        elif not isinstance(value, dict):
            assert merged[key] == value
    assert {key: merged[key] for key in base.keys() - patch.keys()} == {key: base[key] for key in base.keys() - patch.keys()}


def test_objects_merge_arrays_replace_and_null_removes() -> None:
    base = {"a": {"b": 1, "c": 2, "d": {"e": 3}}, "list": [1, 2], "gone": True}
    patch = {"a": {"b": 9, "c": None, "d": {"f": 4}}, "list": [{"x": None}], "gone": None, "new": {"y": None, "z": 1}}
    assert merge(base, patch) == {"a": {"b": 9, "d": {"e": 3, "f": 4}}, "list": [{"x": None}], "new": {"z": 1}}


CHANGERS: list[Callable[[Document], Document]] = [
    lambda document: merge(document, {"agent": {"think": {"prompt": None}}}),
    lambda document: resolve({}, document, prompt="p", greeting="g", functions=[{"name": "f"}]),
    lambda document: resolve(document, {}),
    lambda document: settings.with_prompt(document, "p"),
    lambda document: settings.append_prompt(document, "p"),
    lambda document: settings.with_functions(document, []),
    lambda document: settings.with_think(document, {"provider": {"type": "groq", "temperature": 1}}),
    lambda document: settings.with_speak(document, {"provider": {"type": "deepgram", "model": "m"}}),
    lambda document: settings.with_listen(document, {"provider": {"version": "v2"}}),
    lambda document: settings.with_listen_update(document, {"provider": {}}),
    lambda document: settings.with_context(document, []),
    settings.masked,
]
agents = st.fixed_dictionaries({}, optional={"agent": documents | leaves | patches, "audio": documents | leaves})
reasonable = st.fixed_dictionaries(
    {},
    optional={
        "agent": st.fixed_dictionaries(
            {}, optional={kind: documents | st.lists(documents, max_size=2) | leaves for kind in ("think", "speak", "listen")}
        )
    },
)


@pytest.mark.parametrize("change", CHANGERS)
@given(document=agents | reasonable | patches)
def test_no_change_touches_the_document_it_was_given_and_none_fails_on_a_strange_one(
    change: Callable[[Document], Document], document: Document
) -> None:
    before = copy.deepcopy(document)
    change(document)
    assert document == before


@given(document=agents | reasonable | patches)
def test_no_reader_fails_on_a_strange_document(document: Document) -> None:
    for read in (
        settings.think_blocks,
        settings.speak_blocks,
        settings.listen_block,
        settings.prompt,
        settings.greeting,
        settings.functions,
        settings.endpoints,
        settings.function_endpoints,
        settings.input_format,
        settings.output_format,
        settings.history_enabled,
        settings.agent_id,
        settings.validate,
        settings.encoding_faults,
    ):
        read(document)


# --- resolve -------------------------------------------------------------------------------------------------------


def test_resolving_nothing_gives_settings_with_every_default() -> None:
    assert resolve({}, {}) == {
        "type": "Settings",
        "flags": {"history": True},
        "audio": {
            "input": {"encoding": "linear16", "sample_rate": 16000},
            "output": {"encoding": "linear16", "sample_rate": 24000, "container": "none"},
        },
        "agent": {},
    }


def test_the_caller_wins_over_the_profile_and_the_short_forms_over_both() -> None:
    profile = {"agent": {"greeting": "profile", "think": {"prompt": "profile", "provider": {"type": "open_ai", "model": "a"}}}}
    caller = {"agent": {"greeting": "caller", "think": {"provider": {"model": "b"}}}, "flags": {"history": False}}
    without = resolve(profile, caller)
    assert without["agent"] == {
        "greeting": "caller",
        "think": {"prompt": "profile", "provider": {"type": "open_ai", "model": "b"}},
    }
    assert without["flags"] == {"history": False}
    with_short = resolve(profile, caller, prompt="short", greeting="short", functions=[{"name": "f"}])
    assert with_short["agent"]["think"]["prompt"] == "short"
    assert with_short["agent"]["greeting"] == "short"
    assert settings.functions(with_short) == [{"name": "f"}]


def test_a_prompt_and_functions_go_into_each_entry_of_a_think_list() -> None:
    chain = {
        "agent": {"think": [{"provider": {"type": "open_ai", "model": "a"}}, {"provider": {"type": "nvidia", "model": "b"}}]}
    }
    resolved = resolve(chain, {}, prompt="p", functions=[{"name": "f"}])
    assert [(block["prompt"], block["functions"]) for block in settings.think_blocks(resolved)] == [("p", [{"name": "f"}])] * 2


@pytest.mark.parametrize("think", [None, [], {}, {"provider": {}}, [{}]])
def test_a_prompt_without_a_provider_gets_one_because_the_protocol_requires_it(think: Any) -> None:
    resolved = resolve({}, {"agent": {"think": think}}, prompt="p")
    assert [block["provider"] for block in settings.think_blocks(resolved)] == [{"type": "open_ai", "model": "gpt-4o-mini"}]
    assert settings.validate(resolved) == []


def test_an_empty_greeting_removes_the_profiles() -> None:
    assert "greeting" not in resolve({"agent": {"greeting": "hi"}}, {}, greeting="")["agent"]


@pytest.mark.parametrize(
    ("audio", "sound_in", "sound_out"),
    [
        ({"output": {"encoding": "mulaw"}}, ("linear16", 16000), {"encoding": "mulaw", "sample_rate": 8000, "container": "none"}),
        ({"input": {"encoding": "alaw"}}, ("alaw", 8000), {"encoding": "linear16", "sample_rate": 24000, "container": "none"}),
        ({"output": {"encoding": "mp3"}}, ("linear16", 16000), {"encoding": "mp3"}),
        ({"input": {"sample_rate": 48000.0}}, ("linear16", 48000), {"encoding": "linear16", "sample_rate": 24000}),
        ({"output": {"container": "wav"}}, ("linear16", 16000), {"encoding": "linear16", "container": "wav"}),
    ],
)
def test_what_is_left_out_of_audio_fits_what_is_said(audio: Document, sound_in: tuple[str, int], sound_out: Document) -> None:
    resolved = resolve({}, {"audio": audio})
    assert settings.input_format(resolved) == sound_in
    assert resolved["audio"]["output"].items() >= sound_out.items()
    assert resolved["audio"]["output"].keys() >= sound_out.keys()


@pytest.mark.parametrize("agent", ["fc553ec9-5874-49ca-a47c-b670d525a4b1", 5, ["think"]])
def test_an_agent_that_is_no_object_is_passed_on_for_validation_to_judge(agent: Any) -> None:
    resolved = resolve({"agent": {"greeting": "hi"}}, {"agent": agent}, prompt="p", greeting="g", functions=[{"name": "f"}])
    assert resolved["agent"] == agent


def test_a_broken_think_block_is_not_hidden_by_the_prompt() -> None:
    resolved = resolve({}, {"agent": {"think": "gpt-4o"}}, prompt="p")
    assert [fault.pointer for fault in settings.validate(resolved)] == ["/agent/think"]


# --- reading -------------------------------------------------------------------------------------------------------


def test_functions_of_a_chain_are_listed_once_by_name() -> None:
    chain = [{"functions": [{"name": "a", "description": "first"}, {"name": "b"}]}, {"functions": [{"name": "a"}, {"name": "c"}]}]
    assert settings.functions({"agent": {"think": chain}}) == [
        {"name": "a", "description": "first"},
        {"name": "b"},
        {"name": "c"},
    ]


def test_endpoints_are_found_with_their_pointers() -> None:
    document = {
        "agent": {
            "think": [
                {"endpoint": {"url": "https://a"}},
                {"functions": [{"name": "f"}, {"name": "g", "endpoint": {"url": "https://b"}}]},
            ],
            "speak": {"endpoint": {"url": "wss://c"}},
        }
    }
    assert settings.endpoints(document) == [
        ("/agent/think/0/endpoint/url", "https://a"),
        ("/agent/speak/endpoint/url", "wss://c"),
    ]
    assert settings.function_endpoints(document) == [("/agent/think/1/functions/1/endpoint", "https://b")]


def test_a_function_endpoint_without_a_url_is_found_all_the_same() -> None:
    document = {"agent": {"think": {"functions": [{"name": "f", "endpoint": {}}]}}}
    assert settings.function_endpoints(document) == [("/agent/think/functions/0/endpoint", "")]


def test_history_is_on_unless_either_place_says_otherwise() -> None:
    assert settings.history_enabled({})
    assert not settings.history_enabled({"flags": {"history": False}})
    assert not settings.history_enabled({"settings": {"flags": {"history": False}}})
    assert settings.history_enabled({"flags": {"history": True}, "settings": {"flags": {"history": False}}})


def test_the_readers_find_what_is_there() -> None:
    listen, speak = {"provider": {"model": "l"}}, [{"provider": {"model": "s"}}]
    document = {"agent": {"greeting": "hi", "think": [{}, {"prompt": "p"}], "speak": speak, "listen": listen}}
    assert settings.greeting(document) == "hi"
    assert settings.prompt(document) == "p"
    assert settings.speak_blocks(document) == speak
    assert settings.listen_block(document) == listen
    assert settings.agent_id({"agent": "fc55"}) == "fc55"
    assert settings.prompt({}) is None
    assert settings.greeting({"agent": {"greeting": ""}}) is None


# --- changing ------------------------------------------------------------------------------------------------------

EFFECTIVE: Document = {
    "type": "Settings",
    "agent": {
        "think": {
            "provider": {"type": "groq", "model": "m", "temperature": 0.5},
            "endpoint": {"url": "https://api.groq.com", "headers": {"authorization": "key"}},
            "prompt": "Be kind.",
            "functions": [{"name": "f"}],
        },
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en", "speed": 1.2}},
        "listen": {"provider": {"type": "deepgram", "version": "v2", "model": "flux-general-multi", "language_hints": ["de"]}},
        "greeting": "Hello.",
        "context": {"messages": [], "later": 1},
    },
}


def test_appending_to_the_prompt_adds_a_paragraph_and_starts_one_where_there_is_none() -> None:
    assert settings.prompt(settings.append_prompt(EFFECTIVE, "Be brief.")) == "Be kind.\n\nBe brief."
    assert settings.prompt(settings.append_prompt({}, "Be brief.")) == "Be brief."


def test_a_partial_think_block_keeps_prompt_functions_and_endpoint() -> None:
    think = settings.with_think(EFFECTIVE, {"provider": {"temperature": 1.0}})["agent"]["think"]
    assert think == EFFECTIVE["agent"]["think"] | {"provider": {"type": "groq", "model": "m", "temperature": 1.0}}


def test_another_provider_does_not_inherit_the_model_the_endpoint_or_the_keys_of_the_old_one() -> None:
    think = settings.with_think(EFFECTIVE, {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}})["agent"]["think"]
    assert think == {"provider": {"type": "open_ai", "model": "gpt-4o-mini"}, "prompt": "Be kind.", "functions": [{"name": "f"}]}


def test_another_version_of_listen_keeps_the_type_and_drops_the_options_of_the_old_one() -> None:
    v1 = settings.with_listen(EFFECTIVE, {"provider": {"version": "v1", "model": "nova-3"}})
    assert settings.listen_block(v1) == {"provider": {"type": "deepgram", "version": "v1", "model": "nova-3"}}
    unversioned = {"agent": {"listen": {"provider": {"model": "nova-3", "smart_format": True}}}}
    v2 = settings.with_listen(unversioned, {"provider": {"version": "v2", "model": "flux-general-en"}})
    assert settings.listen_block(v2) == {"provider": {"version": "v2", "model": "flux-general-en"}}


def test_an_update_of_listen_clears_language_hints_it_leaves_out_as_the_server_does() -> None:
    kept = settings.with_listen(EFFECTIVE, {"provider": {"eot_threshold": 0.8}})
    cleared = settings.with_listen_update(EFFECTIVE, {"provider": {"eot_threshold": 0.8}})
    given_again = settings.with_listen_update(EFFECTIVE, {"provider": {"language_hints": ["en"]}})
    assert settings.listen_block(kept)["provider"]["language_hints"] == ["de"]
    assert "language_hints" not in settings.listen_block(cleared)["provider"]
    assert settings.listen_block(cleared)["provider"]["eot_threshold"] == 0.8
    assert settings.listen_block(given_again)["provider"]["language_hints"] == ["en"]
    older = settings.with_listen_update({"agent": {"listen": {"provider": {"language_hint": "de"}}}}, {"provider": {}})
    assert settings.listen_block(older) == {"provider": {}}


def test_a_partial_block_goes_into_each_entry_of_a_list_and_a_list_replaces_the_list() -> None:
    chain = settings.with_speak(EFFECTIVE, [{"provider": {"type": "deepgram", "model": "a"}}, {"provider": {"type": "deepgram"}}])
    faster = settings.with_speak(chain, {"provider": {"speed": 0.9}})
    assert [block["provider"]["speed"] for block in settings.speak_blocks(faster)] == [0.9, 0.9]
    think = settings.with_think(EFFECTIVE, [{"provider": {"type": "nvidia", "model": "x"}}])
    assert settings.think_blocks(think) == [{"provider": {"type": "nvidia", "model": "x"}}]


def test_context_replaces_the_messages_and_drops_the_greeting_so_that_it_is_not_spoken_again() -> None:
    messages = [{"type": "History", "role": "user", "content": "hi"}]
    agent = settings.with_context(EFFECTIVE, messages)["agent"]
    assert agent["context"] == {"messages": messages, "later": 1}
    assert "greeting" not in agent
    assert agent["think"] == EFFECTIVE["agent"]["think"]
