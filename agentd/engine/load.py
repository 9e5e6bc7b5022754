"""Loading the models, once per process: in a thread, warmed, and with a line of progress for whoever waits."""

import time
from collections.abc import Callable

from agentd.engine.providers import Providers


def load_providers(report: Callable[[str], None]) -> Providers:
    """Load and warm every model; takes about a second, and blocks.

    The imports stand inside because they are most of the work: a scripted engine does without numpy's friends.

    Args:
        report: takes a line per model, from the calling thread.

    Raises:
        MissingModel: something is not installed; names the package and the command that brings it.
    """
    begin = time.perf_counter()
    from agentd.engine.listen.vad import detectors  # noqa: PLC0415

    voice_activity = detectors()
    report(_line("voice activity", begin))
    begin = time.perf_counter()
    from agentd.engine.listen.moonshine import Moonshine  # noqa: PLC0415

    recogniser = Moonshine()
    report(_line("speech recognition", begin))
    begin = time.perf_counter()
    from agentd.engine.speak.hibari import HibariVoice  # noqa: PLC0415

    synthesiser = HibariVoice()
    report(_line("speech synthesis", begin))
    from agentd.engine.speak.espeak import espeak_voices  # noqa: PLC0415

    voices = espeak_voices()
    from agentd.engine.think import build_thinker  # noqa: PLC0415
    from agentd.engine.think.matcher.ending import ending  # noqa: PLC0415
    from agentd.engine.vocabulary import vocabulary  # noqa: PLC0415

    return Providers(recogniser, voice_activity, synthesiser, build_thinker, ending=ending, vocabulary=vocabulary, voices=voices)


def _line(what: str, begin: float) -> str:
    return f"{what} loaded in {time.perf_counter() - begin:.1f} s"
