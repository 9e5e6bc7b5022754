"""Holds an answer against its row of the table: status, media type, body, problem code."""

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from pydantic import BaseModel

from agentd.http.models import Problem
from agentd.http.problems import MEDIA_TYPE
from agentd.http.routes import ROUTES
from agentd.http.table import Media, Route


def row_of(method: str, path: str) -> Route | None:
    """The row that serves the path, or None: nothing does, or not with this method."""
    for route in sorted(ROUTES, key=lambda route: len(route.placeholders)):
        if route.method == method and _matches(route.path.split("/"), path.partition("?")[0].split("/")):
            return route
    return None


def check(method: str, path: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Raise AssertionError where the answer is not what the row says."""
    route = row_of(method, path)
    if route is None:
        return
    where = f"{method} {route.path} answered {status}"
    media = headers.get("Content-Type", "").partition(";")[0]
    if media == MEDIA_TYPE:
        Problem.model_validate_json(body)
        code = orjson.loads(body)["code"]
        assert code in route.problems, f"{where} {code}, which its row does not name: {', '.join(route.problems)}"
        assert route.problems[code].status == status
        return
    shapes = route.shapes(status)
    assert shapes, f"{where}, which its row does not name"
    if media in [shape.name if isinstance(shape, Media) else "" for shape in shapes]:
        return
    assert media == "application/json", f"{where} with {media or 'no body'}"
    models = [shape for shape in shapes if isinstance(shape, type)]
    faults = list(_faults(models, body))
    assert len(faults) < len(models), f"{where} with {body[:2000]!r}: {faults}"


def _faults(models: Iterable[type[BaseModel]], body: bytes) -> Iterable[Any]:
    for model in models:
        try:
            model.model_validate_json(body)
        except ValueError as error:
            yield error


def _matches(template: list[str], path: list[str]) -> bool:
    return len(template) == len(path) and all(
        part == wanted or (wanted.startswith("{") and part != "") for wanted, part in zip(template, path, strict=True)
    )
