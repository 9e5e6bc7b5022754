"""What a handler's docstring says: the function's description, and one for each parameter (Google or reST style).

The library that reads them is loaded for a docstring that has such a section, and only when a file is described: most
workers never need it.
"""

import inspect
import logging
import re
from typing import Final

_GOOGLE: Final = re.compile(r"^(?:keyword |other )?(?:args|arguments|params|parameters):[ \t]*$", re.MULTILINE | re.IGNORECASE)
_REST: Final = re.compile(r"^:(?:param|parameter|arg|argument|key|keyword)\b[^:\n]*:", re.MULTILINE)
_SECTION: Final = re.compile(r"^(?:[A-Z][A-Za-z ]{2,30}:[ \t]*$|:[a-z]+\b[^:\n]*:)", re.MULTILINE)
"""Where the words for the model end."""


def read_docstring(text: str | None) -> tuple[str, dict[str, str]]:
    """The first paragraph in one line, and the descriptions of parameters by name.

    Args:
        text: as in ``__doc__``.
    """
    clean = inspect.cleandoc(text or "")
    section = _SECTION.search(clean)
    summary = clean if section is None else clean[: section.start()]
    return _one_line(summary.strip().partition("\n\n")[0]), _parameters(clean)


def _parameters(clean: str) -> dict[str, str]:
    style = "google" if _GOOGLE.search(clean) else "rest" if _REST.search(clean) else None
    if style is None:
        return {}
    from griffe import Docstring, DocstringParameter, parse_google, parse_sphinx  # noqa: PLC0415 - 30 ms that most workers save

    # It tells faults of style in the log, which are the author's own matter.
    logging.getLogger("griffe").setLevel(logging.CRITICAL)
    # A section is one to the library only after an empty line.
    parse = parse_google if style == "google" else parse_sphinx
    sections = parse(Docstring(_GOOGLE.sub(lambda found: f"\n{found[0]}", clean)), warnings=False)
    return {
        item.name: _one_line(item.description)
        for section in sections
        if section.kind.value in {"parameters", "other parameters"}
        for item in section.value
        if isinstance(item, DocstringParameter)
    }


def _one_line(text: str) -> str:
    return " ".join(text.split())
