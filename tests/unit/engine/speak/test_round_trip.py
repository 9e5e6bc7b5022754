"""What the voice reads out, as the recogniser understands it: figures must come back as the same figures."""

import re

import numpy as np
import pytest

pytest.importorskip("hibari")
pytest.importorskip("onnxruntime")

from agentd.audio.resample import RateConverter
from agentd.engine.listen.moonshine import Moonshine
from agentd.engine.providers import LISTEN_RATE
from agentd.engine.speak.hibari import HibariVoice

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def voice() -> HibariVoice:
    return HibariVoice()


@pytest.fixture(scope="module")
def recogniser() -> Moonshine:
    return Moonshine()


@pytest.mark.parametrize(
    ("written", "heard"),
    [
        ("Please call 555-0123 now.", "call 555 0123"),
        ("The heating is set to 21.5 °C.", "21.5 degrees celsius"),
        ("It is 30-40% brighter.", "30 to 40 percent"),
        ("The wall is 12 m² large.", "12 square meters"),
        ("Fruit, e.g. apples and pears.", "for example apples"),
        ("Read pages 10-12 of the book.", "pages 10 to 12"),
    ],
)
def test_figures_are_understood_as_they_were_meant(voice: HibariVoice, recogniser: Moonshine, written: str, heard: str) -> None:
    speech = np.concatenate(list(voice.synthesise(written)))
    text = recogniser.transcribe(RateConverter(voice.sample_rate, LISTEN_RATE).feed(speech, last=True)).text
    words = re.sub(r"[^a-z0-9. ]", "", text.lower().replace("-", " ").replace("%", " percent"))
    for digit, word in enumerate("zero one two".split()):
        words = re.sub(rf"\b{word}\b", str(digit), words)
    assert heard in words
