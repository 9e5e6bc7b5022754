"""Where recordings lie: ``recordings/<run_id>.<ext>`` below the state folder. The name is the link between a run and its audio.

So a recording is found whatever became of the database, and what is no run's is nobody's.
"""

from pathlib import Path

from agentd.ids import is_run_id


class Recordings:
    """The folder of recordings. Its methods touch the disk: call them in a thread.

    Args:
        directory: made by whoever records first (0700; files 0600).
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, run_id: str, extension: str) -> Path:
        """Where the recording of a run goes; ``extension`` without a dot."""
        if not is_run_id(run_id):
            raise ValueError(f"{run_id!r} is no run id")
        return self.directory / f"{run_id}.{extension}"

    def of(self, run_id: str) -> list[Path]:
        """Every file of a run, by name."""
        if not is_run_id(run_id) or not self.directory.is_dir():
            return []
        return sorted(self.directory.glob(f"{run_id}.*"))

    def find(self, run_id: str) -> Path | None:
        """The recording of a run, or None."""
        return next(iter(self.of(run_id)), None)

    def erase(self, run_id: str) -> None:
        """Remove every file of a run."""
        for path in self.of(run_id):
            path.unlink(missing_ok=True)

    def all(self) -> list[tuple[str, Path]]:
        """Every recording as run id and file, oldest first."""
        if not self.directory.is_dir():
            return []
        found = ((path.name.partition(".")[0], path) for path in self.directory.iterdir() if path.is_file())
        return sorted((run_id, path) for run_id, path in found if is_run_id(run_id))
