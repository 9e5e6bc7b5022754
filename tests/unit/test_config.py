"""Settings: where they come from, which one wins, and what a person is told when one is wrong."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from agentd.config import LimitSettings, ServerSettings, Settings, load
from agentd.config.environment import EnvironmentSource
from agentd.errors import ConfigError

KEY = "dg-0123456789abcdef-secret"


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No configuration but what the test makes: an empty folder, no variables."""
    import os

    for name in list(os.environ):
        if name.startswith("AGENTD_") or name in {"DEEPGRAM_API_KEY", "CREDENTIALS_DIRECTORY", "STATE_DIRECTORY"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("agentd.config.sources.DEFAULT_FILES", (Path("config.toml"), tmp_path / "etc" / "config.toml"))


def write(text: str, name: str = "config.toml") -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def fault(toml: str | None = None, overrides: dict[str, Any] | None = None) -> ConfigError:
    path = write(toml, "test.toml") if toml is not None else None
    with pytest.raises(ConfigError) as caught:
        load(path, overrides)
    return caught.value


def test_without_a_file_the_defaults_hold() -> None:
    assert load() == Settings()


def test_the_file_in_the_working_folder_is_read_before_the_one_of_the_system() -> None:
    write("[server]\nport = 2\n", "etc/config.toml")
    assert load().server.port == 2
    write("[server]\nport = 1\n")
    assert load().server.port == 1


def test_environment_wins_over_file_and_options_win_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("[server]\nport = 1\n[limits]\nsessions = 3\n[log]\nlevel = 'error'\n")
    monkeypatch.setenv("AGENTD_SERVER__PORT", "2")
    monkeypatch.setenv("AGENTD_LIMITS__SESSIONS", "4")
    settings = load(path, {"server": {"port": 3, "host": None}})
    assert (settings.server.port, settings.limits.sessions, settings.log.level) == (3, 4, "error")


def test_a_file_named_explicitly_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration file nowhere\.toml: No such file.*--config"):
        load(Path("nowhere.toml"))


def test_broken_toml_is_told_with_its_line() -> None:
    assert "test.toml is not valid TOML" in fault("[server\n").detail
    assert "line 2" in fault("[server]\nport = \n").detail


def test_a_file_that_is_not_text_is_told() -> None:
    Path("test.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(Path("test.toml"))


def test_an_unknown_key_is_an_error_that_proposes_the_right_one() -> None:
    error = fault("[server]\nprot = 1\n")
    assert error.detail == "server.prot in test.toml, line 2: unknown key, did you mean 'port'?"
    assert [fault.pointer for fault in error.errors] == ["/server/prot"]


def test_an_unknown_section_and_an_unknown_key_of_a_profile_are_errors() -> None:
    assert "known here: agents, deepgram" in fault("[zzz]\n").detail
    assert (
        "agents.home.promt in test.toml, line 2: unknown key, did you mean 'prompt'?"
        in fault("[agents.home]\npromt = 'x'\n").detail
    )


def test_a_fault_of_the_whole_is_told_without_a_gap() -> None:
    told = fault('[agents.home]\nhand_over = ["nobody"]\n').detail
    assert told == "in test.toml: [agents.home] hand_over: there is no agent 'nobody'"


def test_sections_and_options_are_written_in_lower_case() -> None:
    assert fault("[SERVER]\nport = 1\n").detail.startswith("SERVER in test.toml, line 1: unknown key, did you mean 'server'?")


def test_a_file_may_come_through_a_pipe() -> None:
    import os

    reader, writer = os.pipe()
    os.write(writer, b"[server]\nport = 1\n")
    os.close(writer)
    try:
        assert load(Path(f"/dev/fd/{reader}")).server.port == 1
    finally:
        os.close(reader)


def test_every_fault_is_named_at_once() -> None:
    error = fault("[server]\nport = 99999\n[limits]\nsessions = 0\nturn_s = inf\n")
    assert {fault.pointer for fault in error.errors} == {"/server/port", "/limits/sessions", "/limits/turn_s"}
    assert "found 99999" in error.detail


def test_the_place_of_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTD_SERVER__PORT", "many")
    assert fault("").detail.startswith("server.port in AGENTD_SERVER__PORT: ")
    assert fault("", {"server": {"port": -1}}).detail.startswith("server.port in --port: ")


@pytest.mark.parametrize("name", ["AGENTD_PORT", "AGENTD_SERVR__PORT", "AGENTD_SERVER____PORT", "AGENTD_"])
def test_an_unknown_name_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "1")
    assert f"environment variable {name} is not a setting" in fault().detail


def test_an_unknown_key_in_the_environment_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTD_SERVER__PROT", "1")
    assert fault().detail == "server.prot in AGENTD_SERVER__PROT: unknown key, did you mean 'port'?"


def test_lists_and_tables_can_be_given_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTD_SERVER__ALLOWED_HOSTS", "a.example, b.example")
    monkeypatch.setenv("AGENTD_SERVER__ALLOWED_ORIGINS", '["https://a.example"]')
    monkeypatch.setenv("AGENTD_AGENTS__HOME__PROMPT", "42")
    monkeypatch.setenv("AGENTD_AGENTS__HOME__SETTINGS", "{agent = {greeting = 'hi'}}")
    monkeypatch.setenv("AGENTD_FUNCTIONS__HOME__LATITUDE", "48.2")
    monkeypatch.setenv("AGENTD_FUNCTIONS__HOME__CITY", "Vienna")
    settings = load()
    assert settings.server.allowed_hosts == ("a.example", "b.example")
    assert settings.server.allowed_origins == ("https://a.example",)
    assert settings.agents["home"].prompt == "42"
    assert settings.agents["home"].settings == {"agent": {"greeting": "hi"}}
    assert settings.functions == {"home": {"latitude": 48.2, "city": "Vienna"}}


def test_an_empty_variable_is_an_empty_list_or_an_empty_text(monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("[server]\nallowed_hosts = ['a']\n[agents.home]\ngreeting = 'hi'\nfunctions = ['f']\n")
    monkeypatch.setenv("AGENTD_SERVER__ALLOWED_HOSTS", "")
    monkeypatch.setenv("AGENTD_AGENTS__HOME__GREETING", "")
    monkeypatch.setenv("AGENTD_AGENTS__HOME__FUNCTIONS", "")
    settings = load(path)
    assert settings.server.allowed_hosts == ()
    assert (settings.agents["home"].greeting, settings.agents["home"].functions) == ("", ())


def test_a_variable_for_a_table_and_one_for_its_key_are_joined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTD_FUNCTIONS__HOME__CITY", "Graz")
    monkeypatch.setenv("AGENTD_FUNCTIONS__HOME", "{city = 'Vienna', floors = 2}")
    assert load().functions == {"home": {"city": "Graz", "floors": 2}}


def test_a_variable_below_a_plain_key_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTD_SERVER__PORT__X", "1")
    assert fault().detail.startswith("server.port in AGENTD_SERVER__PORT__X: ")
    monkeypatch.setenv("AGENTD_DEFAULT_AGENT__X", "1")
    assert "environment variable AGENTD_DEFAULT_AGENT__X is not a setting" in fault().detail


def test_two_variables_that_contradict_each_other_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTD_FUNCTIONS__HOME", "text")
    monkeypatch.setenv("AGENTD_FUNCTIONS__HOME__CITY", "Vienna")
    assert "AGENTD_FUNCTIONS__HOME__CITY" in fault().detail


@given(st.dictionaries(st.text("AGENTD_SERVER", min_size=1).map(lambda rest: f"AGENTD_{rest}"), st.text(max_size=20), max_size=4))
def test_no_environment_does_anything_but_load_or_explain(environ: dict[str, str]) -> None:
    try:
        EnvironmentSource(environ)()
    except ConfigError as error:
        assert error.errors  # noqa: PT017 - either outcome is fine; the error must name its place


# --- the key ---------------------------------------------------------------------------------------------------------


def key_of(settings: Settings) -> str | None:
    return settings.deepgram.api_key.get_secret_value() if settings.deepgram.api_key else None


def test_the_key_comes_from_variable_file_or_credential_in_that_order(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert key_of(load()) is None
    (tmp_path / "deepgram-api-key").write_text("from-credential\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert key_of(load()) == "from-credential"
    path = write("[deepgram]\napi_key = 'from-file'\n")
    assert key_of(load(path)) == "from-file"
    monkeypatch.setenv("DEEPGRAM_API_KEY", "from-variable")
    assert key_of(load(path)) == "from-variable"
    monkeypatch.setenv("AGENTD_DEEPGRAM__API_KEY", "from-own-variable")
    assert key_of(load(path)) == "from-own-variable"


def test_an_empty_key_counts_as_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "  ")
    assert key_of(load(write("[deepgram]\napi_key = ''\n"))) is None


def test_an_empty_key_in_the_file_leaves_room_for_the_credential(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "deepgram-api-key").write_text("from-credential\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert key_of(load(write("[deepgram]\napi_key = ''\n"))) == "from-credential"


def test_an_empty_variable_turns_the_key_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", "from-variable")
    monkeypatch.setenv("AGENTD_DEEPGRAM__API_KEY", "")
    assert key_of(load(write("[deepgram]\napi_key = 'from-file'\n"))) is None


def test_a_credential_that_is_no_key_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "deepgram-api-key").write_text(f"{KEY} {KEY}\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert fault().detail.startswith("deepgram.api_key in the credential deepgram-api-key: ")
    assert KEY not in fault().detail


def test_a_key_with_a_line_break_is_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_API_KEY", f"{KEY}\nX-Evil: 1")
    error = fault()
    assert "deepgram.api_key in DEEPGRAM_API_KEY" in error.detail
    assert KEY not in error.detail


@pytest.mark.parametrize(
    "toml",
    [
        f"deepgram = '{KEY}'",
        f"[deepgram]\napi_key = ['{KEY}']",
        f"[deepgram]\nproxy = ['http://u:{KEY}@h']",
        f"[deepgram]\nkey = '{KEY}'",
        f"functions = '{KEY}'",
        f"[functions]\nhome = '{KEY}'",
        f"[agents.home]\nsettings = '{KEY}'",
        f"[agents]\nhome = '{KEY}'",
    ],
)
def test_no_message_and_no_cause_holds_a_secret(toml: str) -> None:
    error = fault(toml)
    shown = f"{error} {error.errors} {error.__cause__!r}"
    assert KEY not in shown
    assert error.__suppress_context__ or error.__context__ is None


def test_the_key_is_masked_when_settings_are_printed() -> None:
    settings = load(write(f"[deepgram]\napi_key = '{KEY}'\n"))
    assert KEY not in f"{settings} {settings!r} {settings.model_dump_json()}"


# --- rules that span keys --------------------------------------------------------------------------------------------


def test_listening_beyond_loopback_needs_tls_a_proxy_or_a_clear_word() -> None:
    error = fault("[server]\nhost = '0.0.0.0'\n")
    assert "tls_cert" in error.detail
    assert "allow_plain_http" in error.detail
    for guard in ("allow_plain_http = true", "trusted_proxies = ['10.0.0.2']", "tls_cert = 'a'\ntls_key = 'b'"):
        assert load(write(f"[server]\nhost = '0.0.0.0'\n{guard}\n")).server.host == "0.0.0.0"


def test_a_fault_between_keys_names_every_place_that_had_a_part_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=r"^server in --host: host '0\.0\.0\.0' is reachable"):
        load(None, {"server": {"host": "0.0.0.0"}})
    monkeypatch.setenv("AGENTD_SERVER__TLS_CERT", "cert.pem")
    assert fault("").detail.startswith("server in AGENTD_SERVER__TLS_CERT, test.toml: tls_cert and tls_key go together")


def test_half_a_certificate_is_refused() -> None:
    assert "set both or neither" in fault("[server]\ntls_cert = 'cert.pem'\n").detail


def test_a_chosen_default_agent_must_exist() -> None:
    assert "there is no [agents.garden]; defined: home" in fault("default_agent = 'garden'\n[agents.home]\n").detail
    assert load(write("default_agent = 'garden'\n[agents.garden]\n")).default_agent == "garden"


def test_a_profile_name_that_fits_in_no_url_is_refused() -> None:
    assert "'My Home'" in fault("[agents.'My Home']\n").detail


@pytest.mark.parametrize("toml", ["agent_url = 'https://x'", "rest_url = 'wss://x'"])
def test_an_upstream_base_of_the_wrong_kind_is_refused(toml: str) -> None:
    assert "base URL" in fault(f"[deepgram]\n{toml}\n").detail


def test_paths_in_a_file_are_taken_from_its_folder() -> None:
    settings = load(write("[paths]\nstate_dir = 'state'\nfunctions_dir = '/srv/functions'\n", "etc/agentd.toml"))
    assert settings.paths.state_dir == Path("etc/state")
    assert settings.paths.functions_dir == Path("/srv/functions")


def test_the_state_folder_follows_systemd_then_xdg(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert load().paths.state_dir == Path("/x/agentd")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/agentd:/var/lib/other")
    assert load().paths.state_dir == Path("/var/lib/agentd")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        ServerSettings().port = 1  # type: ignore[misc] # that it is refused is what is tested


def test_settings_built_directly_do_not_look_at_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTD_SERVER__PORT", "1")
    write("[server]\nport = 2\n")
    write("AGENTD_SERVER__PORT=3\n", ".env")
    settings = Settings(limits=LimitSettings(sessions=2))
    assert settings.server.port == Settings.model_validate({"limits": {"sessions": 2}}).server.port == 8690
    assert settings.deepgram.api_key is None or isinstance(settings.deepgram.api_key, SecretStr)


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("server", "allowed_hosts", "*"),
        ("server", "allowed_hosts", "*.example.org"),
        ("server", "allowed_hosts", ".example.org"),
        ("server", "allowed_hosts", "https://voice.example.org"),
        ("server", "allowed_hosts", ""),
        ("server", "allowed_origins", "*"),
        ("server", "allowed_origins", "https://*.example.org"),
        ("server", "allowed_origins", "null"),
        ("server", "allowed_origins", "voice.example.org"),
        ("server", "allowed_origins", "https://voice.example.org/path"),
        ("server", "trusted_proxies", "0.0.0.0/0"),
        ("server", "trusted_proxies", "::/0"),
        ("server", "trusted_proxies", "proxy.example.org"),
        ("engine", "allowed_hosts", "*"),
        ("engine", "allowed_origins", "*"),
    ],
)
def test_whom_the_door_knows_is_written_exactly_without_wildcards(section: str, key: str, value: str) -> None:
    assert key in str(fault(f"[{section}]\n{key} = ['{value}']\n"))


def test_names_of_hosts_and_origins_are_kept_as_headers_carry_them() -> None:
    server = load(
        write(
            "[server]\nallowed_hosts = ['Voice.Example.org:8690']\nallowed_origins = ['https://Home.example.org/']\n"
            "public_url = 'https://voice.example.org/'\ntrusted_proxies = ['unix', '10.0.0.2', '10.1.0.0/16', '::1']\n"
        )
    ).server
    assert server.allowed_hosts == ("voice.example.org:8690",)
    assert server.allowed_origins == ("https://home.example.org",)
    assert server.public_url == "https://voice.example.org"
    assert server.trusted_proxies == ("unix", "10.0.0.2", "10.1.0.0/16", "::1")


def test_a_proxy_on_the_unix_socket_guards_no_address() -> None:
    assert "reachable from other machines" in str(fault("[server]\nhost = '0.0.0.0'\ntrusted_proxies = ['unix']\n"))
