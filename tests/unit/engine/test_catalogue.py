from collections.abc import Iterator

from agentd.engine.catalogue import MODELS, with_voices
from agentd.engine.providers import Samples, Voice


class Mute:
    sample_rate = 24_000

    def synthesise(self, text: str, speed: float = 1.0) -> Iterator[Samples]:
        return iter(())


def test_voices_of_the_system_are_listed_behind_the_one_that_ships() -> None:
    listed = with_voices([Voice("espeak-de", "espeak-de", "de", Mute())])
    own, further = listed["tts"]
    assert own["name"] == "heart"
    assert (further["name"], further["languages"], further["architecture"]) == ("espeak-de", ["de"], "espeak")
    assert set(further) == set(own)
    assert set(further["metadata"]) == set(own["metadata"])
    assert listed["stt"] == MODELS["stt"]
