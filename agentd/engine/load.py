"""Loading the models, once per process: in a thread, warmed, and with a line of progress for whoever waits."""

import time
from collections.abc import Callable

from agentd.config import RecogniserName
from agentd.engine.providers import Providers, Recogniser


def load_providers(report: Callable[[str], None], recogniser: RecogniserName = "moonshine") -> Providers:
    """Load and warm every model; takes about a second, and blocks.

    The imports stand inside because they are most of the work: a scripted engine does without numpy's friends.

    Args:
        report: takes a line per model, from the calling thread.
        recogniser: what recognises speech, as ``[engine] recogniser`` names it.

    Raises:
        MissingModel: something is not installed; names the package and the command that brings it.
    """
    begin = time.perf_counter()
    from agentd.engine.listen.vad import detectors  # noqa: PLC0415

    voice_activity = detectors()
    report(_line("voice activity", begin))
    begin = time.perf_counter()
    ear = load_recogniser(recogniser)
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

    return Providers(ear, voice_activity, synthesiser, build_thinker, ending=ending, vocabulary=vocabulary, voices=voices)


def load_recogniser(name: RecogniserName) -> Recogniser:
    """A recogniser by its name in the configuration, warmed.

    Raises:
        MissingModel: a package with its model is not installed.
    """
    from agentd.engine.listen.moonshine import Moonshine  # noqa: PLC0415

    if name == "moonshine":
        return Moonshine()
    from agentd.engine.listen.vote import Vote  # noqa: PLC0415
    from agentd.engine.listen.whisper import Whisper  # noqa: PLC0415

    return Whisper() if name == "whisper" else Vote(Moonshine(), Whisper())


def _line(what: str, begin: float) -> str:
    return f"{what} loaded in {time.perf_counter() - begin:.1f} s"
