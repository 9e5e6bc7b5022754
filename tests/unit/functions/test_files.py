import os
from pathlib import Path

import pytest

from agentd.functions.workers.files import scan


def test_only_handler_files_are_read(tmp_path: Path) -> None:
    for name in ("home.py", "_shared.py", ".hidden.py", "notes.txt", "README.md"):
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "sub").mkdir()
    files, problems = scan(tmp_path)
    assert [file.name for file in files] == ["home"]
    assert problems == []


@pytest.mark.parametrize("name", ["Home.py", "1st.py", "my-file.py", "a" * 49 + ".py"])
def test_a_file_with_an_unusable_name_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("")
    files, (problem,) = scan(tmp_path)
    assert files == []
    assert "small letters, digits and _, at most 48" in problem.reason


def test_a_file_that_others_may_write_is_not_loaded(tmp_path: Path) -> None:
    (tmp_path / "open.py").write_text("")
    (tmp_path / "open.py").chmod(0o666)
    (tmp_path / "good.py").write_text("")
    files, (problem,) = scan(tmp_path)
    assert [file.name for file in files] == ["good"]
    assert "chmod" in problem.reason


def test_nothing_is_loaded_from_a_folder_that_others_may_write(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("")
    tmp_path.chmod(0o777)
    files, (problem,) = scan(tmp_path)
    assert files == []
    assert "chmod" in problem.reason


def test_what_is_no_regular_file_is_told_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "large.py").write_bytes(b"#" * 1_048_577)
    (tmp_path / "folder.py").mkdir()
    files, problems = scan(tmp_path)
    assert files == []
    assert sorted(Path(problem.place).name for problem in problems) == ["dangling.py", "folder.py", "large.py", "pipe.py"]


def test_a_missing_folder_is_a_problem_and_no_failure(tmp_path: Path) -> None:
    files, (problem,) = scan(tmp_path / "nowhere")
    assert files == []
    assert "cannot be read" in problem.reason
