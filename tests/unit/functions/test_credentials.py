"""Values that stand in no configuration file."""

import io
from pathlib import Path

import pytest
import structlog

from agentd import log
from agentd.config import LogSettings
from agentd.functions.remote.credentials import CredentialMissing, Credentials, resolved


def write(folder: Path, name: str, value: str, mode: int = 0o600) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(value, encoding="utf-8")
    path.chmod(mode)
    return path


def test_a_credential_is_read_wherever_it_stands_in_a_table(tmp_path: Path) -> None:
    write(tmp_path, "token", "s3cret-value\n")
    table = {
        "url": "http://h",
        "headers": {"Authorization": {"credential": "token", "prefix": "Bearer "}},
        "keys": [{"credential": "token"}],
    }
    read = Credentials(tmp_path, {}).resolve(table)
    assert read == {"url": "http://h", "headers": {"Authorization": "Bearer s3cret-value"}, "keys": ["s3cret-value"]}


def test_the_service_managers_comes_first_and_its_mode_is_its_own(tmp_path: Path) -> None:
    write(tmp_path / "ours", "token", "ours")
    write(tmp_path / "given", "token", "given", 0o444)
    assert (
        Credentials(tmp_path / "ours", {"CREDENTIALS_DIRECTORY": str(tmp_path / "given")}).resolve({"credential": "token"})
        == "given"
    )


def test_a_table_with_more_than_a_credential_is_not_one(tmp_path: Path) -> None:
    table = {"credential": "card", "limit": 3}
    assert Credentials(tmp_path, {}).resolve(table) == table


def test_a_missing_one_names_the_file_to_make(tmp_path: Path) -> None:
    with pytest.raises(CredentialMissing, match=str(tmp_path / "token")):
        Credentials(tmp_path, {}).resolve({"credential": "token"})
    with pytest.raises(CredentialMissing, match="LoadCredential=token"):
        Credentials(None, {}).resolve({"credential": "token"})


@pytest.mark.parametrize("name", ["../token", "a/b", ".hidden", "", "x" * 65])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    write(tmp_path, "token", "value")
    with pytest.raises(CredentialMissing, match="no name"):
        Credentials(tmp_path / "inner", {}).resolve({"credential": name})


@pytest.mark.parametrize(("mode", "told"), [(0o640, "chmod 600"), (0o604, "chmod 600"), (0o644, "chmod 600")])
def test_one_that_others_may_read_is_refused(tmp_path: Path, mode: int, told: str) -> None:
    write(tmp_path, "token", "value", mode)
    with pytest.raises(CredentialMissing, match=told):
        Credentials(tmp_path, {}).resolve({"credential": "token"})


def test_an_empty_one_and_a_folder_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "token", "\n")
    (tmp_path / "folder").mkdir(mode=0o700)
    with pytest.raises(CredentialMissing, match="empty"):
        Credentials(tmp_path, {}).resolve({"credential": "token"})
    with pytest.raises(CredentialMissing, match="not a file"):
        Credentials(tmp_path, {}).resolve({"credential": "folder"})


def test_a_missing_one_concerns_its_own_table_alone(tmp_path: Path) -> None:
    write(tmp_path, "token", "value")
    tables = {"mail": {"password": {"credential": "token"}}, "web": {"key": {"credential": "none"}}}
    good, missing = resolved(tables, {"mail", "web", "home"}, Credentials(tmp_path, {}))
    assert good == {"mail": {"password": "value"}, "home": {}}
    assert set(missing) == {"web"}
    assert missing["web"].startswith("[functions.web]: the credential none is missing")


def test_what_was_read_is_kept_out_of_the_log(tmp_path: Path) -> None:
    stream = io.StringIO()
    log.configure(LogSettings(format="json"), stream=stream)
    write(tmp_path, "token", "s3cret-value")
    Credentials(tmp_path, {}).resolve({"credential": "token"})
    structlog.get_logger("agentd.test").warning("answer", body="it was s3cret-value")
    assert "s3cret-value" not in stream.getvalue()
    assert "it was ***" in stream.getvalue()
