from pathlib import Path

import pytest

from tests.support.long_upload import upload


@pytest.mark.e2e
@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_live_upload_is_heard_whole_as_time_passes_in_memory_that_stays_flat(tmp_path: Path) -> None:
    seen = await upload(tmp_path, seconds=60.0, kind="WebM Opus")
    assert seen.accepted_s == pytest.approx(60.0, abs=0.02)
    assert seen.heard_s == pytest.approx(seen.accepted_s, abs=0.5), "silence takes the place of what is late, and no more"
    first, last, _ = seen.memory_mb
    assert last - first < 2.0
