"""Script files: what they may say, and how their faults are told."""

from pathlib import Path

import pytest

from agentd.engine.scripted.kinds import Call, Say
from agentd.engine.scripted.loading import load_script, parse_script
from agentd.errors import ConfigError

LAMP = """
name: lamp
mode: bare
handshake: {status: 503, times: 2}
greeting_audio_s: 0.1
default: {say: "I heard: {text}", audio_s: 0.2}
on:
  - event: user
    match: lamp
    hears: turn on the lamp
    times: 1
    steps:
      - call: set_light
        arguments: {room: kitchen}
      - say: Done.
        audio_s: 0.5
  - match: ^bye$
    steps: [{close: 1011}]
conversation:
  - expect: Settings

  - expect: FunctionCallResponse
    fields: {content: {$regex: lamp}}
"""


def test_a_whole_scenario_is_read() -> None:
    scenario = parse_script(LAMP).scenarios[0]
    assert scenario.mode == "bare"
    assert (scenario.handshake.status, scenario.handshake.times) == (503, 2)
    assert [rule.event for rule in scenario.on] == ["user", "user"]
    call, say = scenario.on[0].steps
    assert isinstance(call, Call)
    assert call.arguments == {"room": "kitchen"}
    assert isinstance(say, Say)
    assert say.audio_s == 0.5
    assert [scenario.line_of(step) for step in range(3)] == [20, 22, None]


def test_the_words_on_yes_and_no_are_words() -> None:
    scenario = parse_script("on:\n- {match: yes, steps: [{say: no}]}\n").scenarios[0]
    assert scenario.on[0].match == "yes"
    assert scenario.on[0].steps == (Say(say="no"),)


def test_several_scenarios_share_what_is_marked() -> None:
    script = parse_script(
        "scenarios:\n- {name: a, on: &rules [{match: x, steps: [{drop: true}]}]}\n- {name: b, connections: any, on: *rules}\n"
    )
    assert script.scenarios[0].on == script.scenarios[1].on


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mode: [", r"^s\.yaml:1:8: not YAML"),
        ("a: \x07", r"^s\.yaml: not YAML"),
        ("- a", r"^s\.yaml:1: a script is a mapping"),
        ("mode: full\n---\nmode: bare", r"^s\.yaml:2: a script is one document"),
        ("mode: full\nmode: bare", r"^s\.yaml:2: the key 'mode' stands twice"),
        ("[a]: b", r"^s\.yaml:1: a key is a word"),
        ("name: !!python/name:os.system x", r"^s\.yaml:1: the tag tag:yaml\.org,2002:python/name:os\.system is not taken"),
        ("default: !!binary {say: a}", r"the tag .*binary is not taken"),
        ("name: *nobody", r"^s\.yaml:1: no value before this one is marked &nobody"),
        ("on: &on\n- *on", r"^s\.yaml:2: no value before this one is marked &on"),
        ("on: " + "[" * 40 + "]" * 40, "nested deeper than 32"),
        ("name: a\nmood: good", r"^s\.yaml:2: mood: unknown key 'mood'; did you mean 'mode'\?"),
        ("mode: fast", r"^s\.yaml:1: mode: Input should be 'full' or 'bare'"),
        ("on:\n- steps:\n  - {}", r"^s\.yaml:3: on\[0\]\.steps\[0\]: a step does exactly one thing; this one has none"),
        ("on:\n- steps:\n  - {sey: a}", r"this one has none: 'sey'; did you mean 'say'\?"),
        ("on:\n- steps:\n  - {say: a, call: b}", "this one has say and call"),
        (
            "on:\n- steps:\n  - say: a\n    audio: 1",
            r"^s\.yaml:4: on\[0\]\.steps\[0\]\.audio: .*'audio'; did you mean 'audio_s'",
        ),
        ("on:\n- steps: [drop]", r"on\[0\]\.steps\[0\]: a step is a mapping"),
        ("on:\n- match: (", r"^s\.yaml:2: on\[0\]\.match: not a regular expression"),
        ("on:\n- event: rain", r"^s\.yaml:2: on\[0\]\.event"),
        ("on:\n- {event: update, hears: a}", "'hears' goes with event: user"),
        ("on:\n- {event: user, after_s: 1}", "'after_s' goes with event: audio"),
        ("on:\n- steps: [{expect: Settings}]", "expectations belong to `conversation`"),
        ("default: [{expect: Settings}]", "expectations belong to `conversation`"),
        ("conversation:\n- {call: f, wait: true}", "the step after it says `expect: FunctionCallResponse`"),
        ("conversation:\n- expect: settings", r"^s\.yaml:2: conversation\[0\]\.expect: 'settings' cannot be.*mean 'Settings'"),
        ("conversation:\n- {expect: Settings, min_s: 1}", "'min_s' goes with expect: audio"),
        ("conversation:\n- {expect: speech, fields: {a: 1}}", "'fields' goes with a message's type"),
        (
            "conversation:\n- expect: Settings\n  fields: {a: {$regx: x}}",
            r"^s\.yaml:3: .*'\$regx'; did you mean '\$regex'",
        ),
        ("conversation:\n- {expect: Settings, fields: {a: {$regex: '('}}}", "not a regular expression"),
        ("conversation:\n- {expect: Settings, fields: {a: {$any: 1}}}", r"\$any takes true"),
        ("conversation:\n- {expect: Settings, fields: {a: {$one_of: 1}}}", r"\$one_of takes a list"),
        ("conversation:\n- expect_all: [{expect: close}]", "'close' has no place in expect_all"),
        ("conversation:\n- {expect: nothing, of: [close]}", "'close' is not something that comes in"),
        ("mute: [Welcom]", r"^s\.yaml:1: mute\[0\]: no server message is called 'Welcom'; did you mean 'Welcome'"),
        ("default: {binary: 0g}", "hexadecimal digits"),
        ("default: {say: a, latency: {tts: 1}}", r"did you mean 'tts_latency'|there are: "),
        ("default: {audio_file: nothing.wav}", r"nothing\.wav cannot be played"),
        ("default: {audio_file: a.wav, audio_s: 1}", "either audio_s or audio_file"),
        ("handshake: {reason: 'a\nb\u00e9'}", "one line of ASCII"),
        ("scenarios: []", "scenarios"),
        ("scenarios: [{name: a}, {name: a}]", "two scenarios are called 'a'"),
        ("scenarios:\n- {name: a}\n- name: b\n  on: 5", r"^s\.yaml:4: scenarios\[1\]\.on"),
    ],
)
def test_a_script_that_cannot_be_used_says_where_it_is_wrong(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        parse_script(text, name="s.yaml")


def test_a_few_lines_cannot_become_billions() -> None:
    text = "name: &a0 x\n" + "".join(f"k{n}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(12))
    with pytest.raises(ConfigError, match=r"more than 20000 values"):
        parse_script(text)


def test_a_script_is_not_long() -> None:
    with pytest.raises(ConfigError, match="at most 262144 bytes"):
        parse_script("name: " + "a" * 300_000)


def test_many_faults_are_told_line_by_line() -> None:
    with pytest.raises(ConfigError) as error:
        parse_script("on: [" + "{event: rain}, " * 12 + "]")
    lines = error.value.detail.splitlines()
    assert len(lines) == 11
    assert lines[-1] == "and 2 more"


def test_a_script_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml"):
        load_script(tmp_path / "nothing.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(ConfigError, match=r"latin\.yaml: a script is UTF-8"):
        load_script(tmp_path / "latin.yaml")
