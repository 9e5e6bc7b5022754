"""JSON pointers (RFC 6901)."""

import re
from typing import Any, Final

_INDEX: Final = re.compile(r"(0|[1-9][0-9]{0,8})\Z")


def at(document: Any, pointer: str) -> Any:
    """The value that ``pointer`` points to.

    Raises:
        LookupError: there is none, or it is no pointer.
    """
    if pointer and not pointer.startswith("/"):
        raise LookupError(pointer)
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(document, list) and _INDEX.match(key):
            document = document[int(key)]
        elif isinstance(document, dict):
            document = document[key]
        else:
            raise LookupError(pointer)
    return document
