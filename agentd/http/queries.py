"""Reading the query string: known parameters only, each value checked, every fault named at once where possible."""

from collections.abc import Sequence
from typing import Final, TypeVar

from aiohttp import web

from agentd.errors import FieldError, InvalidRequest

DEFAULT_TIMEOUT_S: Final = 30.0
MAX_TIMEOUT_S: Final = 300.0

ChoiceT = TypeVar("ChoiceT", bound=str)

_TRUE: Final = frozenset({"true", "1", "yes", ""})
_FALSE: Final = frozenset({"false", "0", "no"})


class Query:
    """The query of one request.

    Args:
        request: the request.
        known: parameters this route takes; ``name.*`` takes any that begin so.

    Raises:
        InvalidRequest: a parameter that is not known (it was probably meant to do something), or one given twice.
    """

    def __init__(self, request: web.Request, *known: str) -> None:
        self._values = request.query
        families = tuple(name[:-1] for name in known if name.endswith(".*"))
        faults = [
            FieldError(f"?{name[:60]}", f"is not known here; known are {', '.join(known) or 'none'}")
            for name in dict.fromkeys(self._values)
            if name not in known and not name.startswith(families)
        ]
        faults += [
            FieldError(f"?{name[:60]}", "is given more than once")
            for name in dict.fromkeys(self._values)
            if len(self._values.getall(name)) > 1
        ]
        if faults:
            raise InvalidRequest("The query has parameters that cannot be used; see errors.", errors=faults)

    def has(self, *names: str) -> bool:
        """True when any of these is given."""
        return any(name in self._values for name in names)

    def text(self, name: str) -> str | None:
        """The value as it is."""
        return self._values.get(name)

    def family(self, prefix: str) -> dict[str, str]:
        """Every ``prefix.<key>`` by its key."""
        start = prefix + "."
        return {name[len(start) :]: value for name, value in self._values.items() if name.startswith(start)}

    def choice(self, name: str, choices: Sequence[ChoiceT]) -> ChoiceT:
        """One of ``choices``; the first is the default."""
        value = self._values.get(name)
        if value is None:
            return choices[0]
        for choice in choices:
            if value == choice:
                return choice
        raise _fault(name, f"must be one of {', '.join(choices)}")

    def flag(self, name: str, *, default: bool = False) -> bool:
        """``true`` or ``false``; ``?name`` alone is true."""
        value = self._values.get(name)
        if value is None:
            return default
        if value.lower() in _TRUE:
            return True
        if value.lower() in _FALSE:
            return False
        raise _fault(name, "must be true or false")

    def seconds(self, name: str, *, default: float, most: float, least: float = 0.0) -> float:
        """A number of seconds from ``least`` to ``most``."""
        value = self._values.get(name)
        if value is None:
            return default
        try:
            seconds = float(value)
        except ValueError:
            seconds = float("nan")
        if not least <= seconds <= most:
            raise _fault(name, f"must be a number of seconds from {least:g} to {most:g}")
        return seconds

    def timeout_s(self) -> float:
        """``?timeout_s=`` of the calls that wait."""
        return self.seconds("timeout_s", default=DEFAULT_TIMEOUT_S, most=MAX_TIMEOUT_S, least=0.001)

    def integer(self, name: str, *, default: int, least: int, most: int) -> int:
        """A whole number from ``least`` to ``most``."""
        value = self._values.get(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) < 20 and least <= int(value) <= most):
            raise _fault(name, f"must be a whole number from {least} to {most}")
        return int(value)


def _fault(name: str, detail: str) -> InvalidRequest:
    return InvalidRequest(f"The query parameter {name} {detail}.", errors=[FieldError(f"?{name}", detail)])
