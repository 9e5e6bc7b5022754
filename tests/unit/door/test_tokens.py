import os
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agentd.door import FIRST_TOKEN_SCOPES, Identity, TokenStore, fixed_key, require
from agentd.errors import ConfigError, Forbidden


@pytest.fixture
def store(tmp_path: Path) -> TokenStore:
    made = TokenStore(tmp_path / "state")
    made.load_or_create()
    return made


def test_the_first_start_writes_token_and_curl_header_for_their_owner_alone(store: TokenStore) -> None:
    token = store.token_file.read_text().strip()
    assert len(token) >= 43
    assert store.auth_file.read_text() == f"Authorization: Bearer {token}\n"
    assert store.token_file.stat().st_mode & 0o777 == 0o600
    assert store.auth_file.stat().st_mode & 0o777 == 0o600
    assert store.state_dir.stat().st_mode & 0o777 == 0o700
    identity = store.verify(token)
    assert identity is not None
    assert identity.scopes == FIRST_TOKEN_SCOPES
    assert not identity.allows("confirm")


def test_the_token_stays_over_restarts(store: TokenStore) -> None:
    token = store.token_file.read_text()
    again = TokenStore(store.state_dir)
    again.load_or_create()
    assert store.token_file.read_text() == token
    assert again.verify(token.strip()) is not None


def test_a_wrong_token_is_nobody(store: TokenStore) -> None:
    token = store.token_file.read_text().strip()
    for wrong in ("", "x", token[:-1], token + "x", token.swapcase(), "\udcff", "ü" * 43):
        assert store.verify(wrong) is None


def test_further_tokens_are_kept_as_hashes_and_a_running_daemon_notices_them(store: TokenStore) -> None:
    daemon = TokenStore(store.state_dir)
    daemon.load_or_create()
    token = store.create(frozenset({"read", "metrics"}), "prometheus")
    assert token not in store.tokens_file.read_text()
    assert store.tokens_file.stat().st_mode & 0o777 == 0o600
    assert len(tomllib.loads(store.tokens_file.read_text())["token"]) == 1
    assert daemon.verify(token) == Identity("prometheus", frozenset({"read", "metrics"}))
    assert [record.name for record in daemon.list()] == ["first", "prometheus"]
    store.tokens_file.unlink()
    assert daemon.verify(token) is None


@pytest.mark.parametrize("scopes", [{"root"}, set(), {"control", "confirm"}])
def test_tokens_nobody_should_have_are_not_made(store: TokenStore, scopes: set[str]) -> None:
    with pytest.raises(ConfigError):
        store.create(frozenset(scopes), "x")


@pytest.mark.parametrize("name", ["", 'a"b', "a\nb", "-x", "x" * 65])
def test_names_that_would_break_the_file_are_refused(store: TokenStore, name: str) -> None:
    with pytest.raises(ConfigError):
        store.create(frozenset({"read"}), name)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
@pytest.mark.parametrize("file", ["token", "auth", "tokens.toml"])
def test_files_others_can_read_stop_the_start_with_the_remedy(store: TokenStore, file: str, mode: int) -> None:
    store.create(frozenset({"read"}), "x")
    path = store.state_dir / file
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        TokenStore(store.state_dir).load_or_create()


def test_a_symbolic_link_is_no_token_file(store: TokenStore, tmp_path: Path) -> None:
    store.token_file.rename(tmp_path / "elsewhere")
    store.token_file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="plain file"):
        TokenStore(store.state_dir).load_or_create()


def test_a_broken_file_leaves_a_running_daemon_with_the_tokens_it_knows(store: TokenStore) -> None:
    token = store.create(frozenset({"read"}), "x")
    descriptor = os.open(store.tokens_file, os.O_WRONLY | os.O_APPEND)
    os.write(descriptor, b"[[token]\n")
    os.close(descriptor)
    assert store.verify(token) is not None
    with pytest.raises(ConfigError):
        TokenStore(store.state_dir).load_or_create()


def test_an_empty_token_file_is_no_token(store: TokenStore) -> None:
    store.token_file.write_text("\n")
    with pytest.raises(ConfigError, match="delete it"):
        TokenStore(store.state_dir).load_or_create()


def test_control_implies_read_and_nothing_else_implies_anything() -> None:
    assert Identity("x", frozenset({"control"})).allows("read")
    for held in ("admin", "transcripts", "metrics", "confirm", "read"):
        allowed = [
            scope
            for scope in ("control", "read", "transcripts", "metrics", "confirm", "admin")
            if Identity("x", frozenset({held})).allows(scope)
        ]
        assert allowed == [held]


def test_a_missing_scope_is_named(store: TokenStore) -> None:
    with pytest.raises(Forbidden, match="needs admin"):
        require(Identity("x", frozenset({"control"})), "admin")


def test_a_fixed_key_opens_for_itself_alone() -> None:
    verify = fixed_key("k" * 40, name="engine")
    assert verify("k" * 40) is not None
    assert verify("k" * 39) is None


# --- replacing and ending --------------------------------------------------------------------------------------------


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def daemon(store: TokenStore, clock: Clock) -> TokenStore:
    """Another process on the same folder."""
    made = TokenStore(store.state_dir, clock=clock)
    made.load_or_create()
    return made


@pytest.fixture
def cli(store: TokenStore, clock: Clock) -> TokenStore:
    made = TokenStore(store.state_dir, clock=clock)
    made.load_or_create()
    return made


def test_a_replaced_token_is_valid_for_a_while_beside_the_new_one(daemon: TokenStore, cli: TokenStore, clock: Clock) -> None:
    old = cli.create(frozenset({"read"}), "grafana", agents=frozenset({"kitchen"}))
    new = cli.rotate("grafana", overlap_s=60)
    assert daemon.verify(old) == daemon.verify(new) == Identity("grafana", frozenset({"read"}), frozenset({"kitchen"}))
    clock.now += 61
    assert daemon.verify(old) is None
    assert daemon.verify(new) is not None
    assert [record.name for record in daemon.list()] == ["first", "grafana"]


def test_no_more_than_two_tokens_of_a_name_are_valid(daemon: TokenStore, cli: TokenStore) -> None:
    tokens = [cli.create(frozenset({"read"}), "grafana"), cli.rotate("grafana"), cli.rotate("grafana")]
    assert [daemon.verify(token) is not None for token in tokens] == [False, True, True]


def test_the_first_token_is_replaced_where_people_look_for_it(daemon: TokenStore, cli: TokenStore, clock: Clock) -> None:
    old = daemon.token_file.read_text().strip()
    new = cli.rotate("first", overlap_s=60)
    assert daemon.token_file.read_text() == f"{new}\n"
    assert daemon.auth_file.read_text() == f"Authorization: Bearer {new}\n"
    assert daemon.verify(old) == daemon.verify(new) == Identity("first", FIRST_TOKEN_SCOPES)
    clock.now += 61
    assert daemon.verify(old) is None
    assert daemon.verify(cli.rotate("first", overlap_s=0)) is not None
    assert daemon.verify(new) is None
    with pytest.raises(ConfigError, match="rotate first"):
        cli.revoke("first")


def test_a_revoked_token_ends_with_those_it_replaced_and_those_it_granted(daemon: TokenStore, cli: TokenStore) -> None:
    old, other = cli.create(frozenset({"read"}), "grafana"), cli.create(frozenset({"read"}), "other")
    new = cli.rotate("grafana")
    holder = daemon.verify(new)
    assert holder is not None
    granted = daemon.grant(holder, 30)
    assert daemon.verify(granted) is not None
    assert daemon.knows(holder)
    cli.revoke("grafana")
    assert [daemon.verify(token) for token in (old, new, granted)] == [None] * 3
    assert not daemon.knows(holder)
    assert daemon.verify(other) is not None
    with pytest.raises(ConfigError, match="no token 'grafana'"):
        cli.revoke("grafana")


def test_a_grant_of_a_replaced_token_ends_with_it(daemon: TokenStore, cli: TokenStore, clock: Clock) -> None:
    holder = daemon.verify(cli.create(frozenset({"read"}), "grafana"))
    assert holder is not None
    granted = daemon.grant(holder, 3600)
    cli.rotate("grafana", overlap_s=60)
    assert daemon.verify(granted) is not None
    clock.now += 61
    assert daemon.verify(granted) is None


def test_a_token_that_lost_a_right_is_not_what_was_let_in(daemon: TokenStore, cli: TokenStore) -> None:
    holder = daemon.verify(cli.create(frozenset({"read", "transcripts"}), "grafana"))
    assert holder is not None
    cli.tokens_file.write_text(cli.tokens_file.read_text().replace(', "transcripts"', ""))
    assert not daemon.knows(holder)


def test_a_name_belongs_to_one_token_and_none_is_needed(cli: TokenStore) -> None:
    cli.create(frozenset({"read"}), "grafana")
    for taken in ("grafana", "first"):
        with pytest.raises(ConfigError, match=taken):
            cli.create(frozenset({"read"}), taken)
    cli.create(frozenset({"read"}))
    cli.create(frozenset({"read"}))
    assert [record.name for record in cli.list()] == ["first", "grafana", "cli", "cli-2"]


@pytest.mark.parametrize("agents", [set(), {"kitchen"}])
def test_admin_is_for_the_whole_daemon_and_no_agent_at_all_is_no_limit(cli: TokenStore, agents: set[str]) -> None:
    with pytest.raises(ConfigError):
        cli.create(frozenset({"admin"}), "x", agents=frozenset(agents))


def test_a_token_written_by_hand_cannot_approve_what_it_starts(daemon: TokenStore, cli: TokenStore) -> None:
    token = cli.create(frozenset({"control"}), "x")
    cli.tokens_file.write_text(cli.tokens_file.read_text().replace('["control"]', '["control", "confirm"]'))
    assert daemon.verify(token) == Identity("x", frozenset({"control"}))


def test_two_commands_at_once_do_not_undo_each_other(store: TokenStore) -> None:
    def work(n: int) -> None:
        one = TokenStore(store.state_dir)
        one.load_or_create()
        for i in range(5):
            one.create(frozenset({"read"}), f"{n}-{i}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    store.refresh()
    assert len(store.list()) == 21


def test_a_deleted_token_file_opens_nothing(daemon: TokenStore) -> None:
    token = daemon.token_file.read_text().strip()
    daemon.token_file.unlink()
    assert daemon.verify(token) is None
