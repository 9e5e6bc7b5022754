"""Opening a model: one thread per run, no spinning, no chatter.

Parallelism comes from conversations, not from within a run: these models are so small that a second thread only adds
hand-over (a recognition took 184 ms on two threads, 135 ms on one), and a spinning idle thread takes a core from
another conversation's speech.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from numpy.typing import NDArray

from agentd.engine.models import RUNTIME, locate

_ERRORS_ONLY: Final = 3
"""onnxruntime's log severity: warnings about constant folding would go to stderr, into the daemon's log."""


class Tensor(Protocol):
    """Description of a model's input or output."""

    @property
    def name(self) -> str:
        """What it is called in ``run``."""
        ...

    @property
    def shape(self) -> Sequence[int | str | None]:
        """Sizes; names of those that vary."""
        ...


class Model(Protocol):
    """What is used of an ``InferenceSession``. Running is thread-safe and lets go of the GIL, so one serves everybody."""

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, NDArray[Any]]) -> list[NDArray[Any]]:
        """Compute the named outputs; all of them, in the model's order, when None."""
        ...

    def get_inputs(self) -> Sequence[Tensor]:
        """What ``run`` wants."""
        ...

    def get_outputs(self) -> Sequence[Tensor]:
        """What ``run`` gives."""
        ...


def open_model(path: Path) -> Model:
    """Load a model file for the CPU.

    Raises:
        MissingModel: onnxruntime is not installed.
    """
    locate(RUNTIME, "running models")
    import onnxruntime  # type: ignore[import-untyped]  # noqa: PLC0415  # ships no types; the base installation goes without it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model: Model = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return model
