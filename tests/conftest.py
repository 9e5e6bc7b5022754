"""What holds for the whole suite."""

import os

import pytest

MUST_RUN = os.environ.get("CI") == "true"
"""Continuous integration installs every program that tests talk to: a test that is left out there proves nothing to anybody."""


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
