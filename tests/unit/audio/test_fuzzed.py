import subprocess
import sys
from pathlib import Path

BENCH = Path(__file__).parents[3] / "bench" / "audio_headers.py"


def test_thousands_of_damaged_recordings_are_heard_or_refused_and_nothing_else_happens() -> None:
    run = subprocess.run(
        [sys.executable, str(BENCH), "--cases", "4000", "--seed", "20"], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "defects 0" in run.stdout
    for name in ("WAV", "FLAC", "MP3", "WebM Opus", "MP4 in fragments", "AAC"):
        assert f"{name}: heard" in run.stdout
        assert f"{name}: refused" in run.stdout
