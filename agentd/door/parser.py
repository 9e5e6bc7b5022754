"""The HTTP parser in front of everything: aiohttp's compiled one, or none."""

from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy

from agentd.errors import ConfigError


def require_compiled_parser() -> None:
    """Refuse to serve with the parser in Python, which has known holes (CVE-2026-111750).

    Raises:
        ConfigError: aiohttp was told to do without the compiled one, or has none for this machine.
    """
    if HttpRequestParser is HttpRequestParserPy:
        raise ConfigError(
            "aiohttp runs without its compiled HTTP parser; the one in Python has known holes. Unset AIOHTTP_NO_EXTENSIONS, "
            "or install a wheel of aiohttp for this machine."
        )
