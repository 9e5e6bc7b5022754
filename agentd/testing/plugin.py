"""The pytest plugin: fixtures for functions and for whole conversations. It imports nothing until a fixture is asked for."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from agentd.testing.conversation import Conversation
    from agentd.testing.handlers import FunctionTester
    from agentd.testing.stage import Stage


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say where functions lie."""
    parser.addini("agentd_functions_dir", "folder of agentd's handler files, relative to this file", type="paths", default=[])


@pytest.fixture
def agentd_functions_dir(request: pytest.FixtureRequest) -> Path:
    """The folder of the handlers; override it to test others.

    By default what pytest's configuration says as ``agentd_functions_dir``, else the nearest folder ``functions``: around
    the test's file, or in a folder above it.
    """
    told = request.config.getini("agentd_functions_dir")
    if told:
        return Path(told[0])
    for folder in request.path.parents:
        if folder.name == "functions":
            return folder
        if (folder / "functions").is_dir():
            return folder / "functions"
        if folder == request.config.rootpath:
            break
    raise pytest.UsageError(
        "No folder `functions` was found around or above this test. Say where the handlers lie: "
        "`agentd_functions_dir = …` in pytest's configuration, or a fixture of that name which returns the path."
    )


@pytest.fixture
def agentd_settings() -> dict[str, Any]:
    """What ``config.toml`` would say, as a dict; override it for tables of handlers, agents and limits."""
    return {}


@pytest.fixture(scope="session")
def _agentd_stage(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Stage]":
    with warnings.catch_warnings():
        # `audioop` is deprecated, and has an heir from Python 3.13 on.
        warnings.simplefilter("ignore", DeprecationWarning)
        from agentd.testing.stage import Stage

    stage = Stage(lambda: tmp_path_factory.mktemp("agentd"))
    yield stage
    stage.close()


@pytest.fixture
def functions(agentd_functions_dir: Path, agentd_settings: dict[str, Any], _agentd_stage: "Stage") -> "Iterator[FunctionTester]":
    """The functions of the folder, to be called one at a time."""
    with _told_briefly(), _agentd_stage.functions(agentd_functions_dir, agentd_settings) as tester:
        yield tester


@pytest.fixture
def conversation(agentd_functions_dir: Path, agentd_settings: dict[str, Any], _agentd_stage: "Stage") -> "Iterator[Conversation]":
    """A conversation with an agent that has the functions of the folder; it starts with the first sentence."""
    with _told_briefly(), _agentd_stage.conversation(agentd_functions_dir, agentd_settings) as talk:
        yield talk


@contextmanager
def _told_briefly() -> Iterator[None]:
    """What keeps a test from running is told without a traceback, which would show agentd and not the test."""
    from agentd.testing.stage import Unfit

    try:
        yield
    except Unfit as unfit:
        raise pytest.fail.Exception(str(unfit), pytrace=False) from None
