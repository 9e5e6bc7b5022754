"""What type a setting has, by its path; used to read the environment and to word faults."""

from collections.abc import Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

from agentd.config.functions import RESERVED, FunctionTables
from agentd.config.sections import Settings

Origins = dict[tuple[str, ...], str]
"""Where a path was set, for messages: the variable, the option; a path that is not here came from the file."""


def annotation_at(path: Sequence[str]) -> Any:
    """The declared type at ``path``; ``Any`` inside free-form tables, ``None`` for a key that does not exist."""
    annotation: Any = Settings
    if tuple(path[:1]) == ("functions",) and len(path) > 1 and path[1] in RESERVED:
        annotation, path = FunctionTables, path[1:]
    for segment in path:
        if is_section(annotation):
            field = annotation.model_fields.get(segment)
            if field is None:
                return None
            annotation = field.annotation
        elif get_origin(annotation) is dict:
            annotation = get_args(annotation)[1]
        else:
            return Any
    return annotation


def is_section(annotation: Any) -> bool:
    """True for a table with declared keys."""
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def kinds(annotation: Any) -> frozenset[Any]:
    """The plain types an annotation stands for: ``Path | None`` is ``{Path, NoneType}``, ``tuple[str, ...]`` is ``{tuple}``."""
    origin = get_origin(annotation)
    if origin in (Union, UnionType):
        return frozenset().union(*(kinds(part) for part in get_args(annotation)))
    if origin is Annotated:
        return kinds(get_args(annotation)[0])
    return frozenset({origin or annotation})
