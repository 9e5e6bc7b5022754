"""What holds for the whole suite."""

import logging
import os
from collections.abc import Iterator

import pytest

MUST_RUN = os.environ.get("CI") == "true"
"""Continuous integration installs every program that tests talk to: a test that is left out there proves nothing to anybody."""


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Take away the handlers that a test's log was given: their streams end with it, and what later tests log goes nowhere."""
    root, ours = logging.getLogger(), logging.getLogger("agentd")
    before, levels = list(root.handlers), (root.level, ours.level)
    yield
    if added := [handler for handler in root.handlers if handler not in before and _is_of_a_stream(handler)]:
        for handler in added:
            root.removeHandler(handler)
        root.setLevel(levels[0])
        ours.setLevel(levels[1])


def _is_of_a_stream(handler: logging.Handler) -> bool:
    return type(handler) is logging.StreamHandler


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail the run when a test was skipped where none may be."""
    if MUST_RUN and exitstatus == pytest.ExitCode.OK and _skipped(session.config):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say why."""
    if MUST_RUN and _skipped(config):
        terminalreporter.write_line("skipped tests fail the run where CI=true: install what they name", red=True)


def _skipped(config: pytest.Config) -> bool:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    return reporter is not None and bool(reporter.stats.get("skipped"))
