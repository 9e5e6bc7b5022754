"""The OpenAPI 3.1 document, made of the table of routes and nothing else (https://spec.openapis.org/oas/v3.1.0).

OpenAPI 3.1 takes JSON Schema 2020-12 as it is, which is what pydantic makes.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Final

import orjson
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from agentd.door.identity import SCOPES
from agentd.http import problems
from agentd.http.bodies import JSON, TEXT, Body
from agentd.http.models import Problem
from agentd.http.queries import Family, Parameters
from agentd.http.table import ANY, PATH_PARAMETERS, ErrorType, Example, Media, Route, Upgrade

_REF: Final = "#/components/schemas/"

ABOUT: Final = """\
Voice agents as a system service. `eval "$(agentd env)"` sets `$A` (where the daemon listens) and `$S` (its state folder), so
that every command here works as it stands: `curl -H @$S/auth $A/v1/sessions`.

- JSON in UTF-8, times in RFC 3339 UTC; names that end in `_s` are seconds, in `_bytes` bytes.
- Failures are problem documents (RFC 9457): `code` is stable, `detail` says what to do, and `GET /problems/{code}` tells more.
- In a path, `{id}` is a session's name (its latest run) or a `run_id`.
- A body needs a content type, no body needs none; with curl, `--json`. A query parameter that is not known is refused.
- Calls that wait take `?timeout_s=`; lists take `?limit=` and `?cursor=`.
- Every GET that ends also answers HEAD, and every path OPTIONS, with the methods it takes in `Allow`.
"""

SCOPE_MEANINGS: Final[Mapping[str, str]] = {
    "control": "start, stop, inject; implies `read`",
    "read": "states, numbers, events; no words",
    "transcripts": "words: content, arguments, results, heard, said, prompts, speech",
    "metrics": "`/metrics`",
    "confirm": "approve guarded function calls",
    "admin": "purge, reload, drain",
}


class _Schemas(GenerateJsonSchema):
    """Pydantic's schemas without the titles that only repeat a member's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """Never."""
        del schema
        return False


def render(routes: Sequence[Route]) -> bytes:
    """The document as JSON."""
    return orjson.dumps(document(routes)) + b"\n"


def document(routes: Sequence[Route]) -> dict[str, Any]:
    """The document as a value."""
    schemas = _Components(routes)
    paths: dict[str, dict[str, Any]] = {}
    responses: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas, responses)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "agentd control API",
            "version": version("agentd"),
            "summary": "Sessions of voice agents, steered by HTTP.",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The daemon that serves this document."}],
        "security": [{"bearer": []}],
        "tags": [{"name": tag, "description": about} for tag, about in _tags(routes).items()],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of `agentd token`, or one for a moment of `POST /v1/auth/grant`. Scopes:\n\n"
                    + "".join(f"- `{scope}`: {SCOPE_MEANINGS[scope]}\n" for scope in SCOPES),
                }
            },
            "schemas": schemas.components,
            "responses": dict(sorted(responses.items())),
            "headers": {
                "X-Request-ID": {"description": "Names this request in the daemon's log.", "schema": {"type": "string"}},
                "Retry-After": {"description": "Seconds after which to try again.", "schema": {"type": "integer", "minimum": 1}},
                "Location": {"description": "The path of what was made.", "schema": {"type": "string"}},
                "WWW-Authenticate": {"description": "How to say who you are.", "schema": {"type": "string"}},
            },
        },
    }


def command(route: Route) -> str:
    """The route's example as a line for a shell."""
    example = route.example or Example()
    if example.curl is not None:
        return example.curl
    path = route.path.format_map({name: PATH_PARAMETERS[name].example for name in route.placeholders} | dict(example.path))
    address = f'"$A{path}{example.query}"' if example.query else f"$A{path}"
    words = ["curl", "-H @$S/auth"]
    if example.body is not None:
        words.append(f"--json {shlex.quote(orjson.dumps(example.body).decode())}")
    if route.method != ("GET" if example.body is None else "POST"):
        words.insert(1, f"-X {route.method}")
    return " ".join([*words, address])


class _Components:
    """Every model of the table as a schema, and where it stands in the document.

    A class named ``SessionView`` is called Session there: in the code that name is the session's itself.
    """

    def __init__(self, routes: Iterable[Route]) -> None:
        models: list[type[BaseModel]] = list(dict.fromkeys([Problem, *(model for route in routes for model in _models(route))]))
        keys, schemas = models_json_schema(
            [(model, "validation") for model in models], ref_template=_REF + "{model}", schema_generator=_Schemas
        )
        text = orjson.dumps({"keys": [keys[model, "validation"] for model in models], "schemas": schemas.get("$defs", {})})
        for name in schemas.get("$defs", {}):
            text = text.replace(f'{_REF}{name}"'.encode(), f'{_REF}{_short(name)}"'.encode())
        read = orjson.loads(text)
        self._keys: dict[type[BaseModel], dict[str, Any]] = dict(zip(models, read["keys"], strict=True))
        self.components: dict[str, Any] = {_short(name): schema for name, schema in sorted(read["schemas"].items())}

    def of(self, model: type[BaseModel]) -> dict[str, Any]:
        """The reference to the model's schema."""
        return self._keys[model]


def _short(name: str) -> str:
    listed = re.fullmatch(r"Listing_(\w+?)_", name)
    return f"{_short(listed[1])}List" if listed else name.removesuffix("View")


def _models(route: Route) -> Iterable[type[BaseModel]]:
    for shape in (*route.bodies, *(shape for status in route.answers for shape in route.shapes(status))):
        model = shape.model if isinstance(shape, Media) else shape
        if isinstance(model, type):
            yield model


def _tags(routes: Iterable[Route]) -> dict[str, str]:
    """The handlers' modules with the first line of what they say of themselves."""
    modules = {route.tag: route.handler.__globals__["__doc__"] for route in routes}
    return {tag: text.strip().partition("\n")[0].replace("``", "`") for tag, text in modules.items()}


def _operation(route: Route, schemas: _Components, responses: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "tags": [route.tag],
        "operationId": _operation_id(route),
        "summary": route.summary,
        "description": _description(route),
        "x-scope": route.scope,
        **({"x-stream": True} if route.stream else {}),
        "security": [] if route.scope is None else [{"bearer": [] if route.scope == ANY else [route.scope]}],
        "parameters": [*_path_parameters(route), *_query_parameters(route.query), *_header_parameters(route)],
    }
    if route.bodies:
        operation["requestBody"] = {"required": route.body_required, "content": _request_content(route, schemas)}
    answers = {str(status): _answer(route, status, schemas) for status in sorted(route.answers)}
    by_status: dict[int, list[ErrorType]] = {}
    for kind in route.problems.values():
        by_status.setdefault(kind.status, []).append(kind)
    for status, kinds in by_status.items():
        name = ".".join(kind.code for kind in kinds)
        if str(status) in answers:  # a status that is an answer of ours and a problem: /readyz
            answers[str(status)]["content"] |= _problem(status, kinds)["content"]
        else:
            responses[name] = _problem(status, kinds)
            answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    operation["responses"] = dict(sorted(answers.items()))
    return operation


def _operation_id(route: Route) -> str:
    words = [part.strip("{}").replace("-", "_").replace(".", "_") for part in route.path.split("/")]
    return "_".join([route.method.lower(), *(word for word in words if word not in ("", "v1"))])


def _description(route: Route) -> str:
    if route.scope is None:
        who = "Open: no token is needed."
    elif route.scope == ANY:
        who = "Any token."
    else:
        who = f"Scope `{route.scope}`."
    return "\n\n".join(part for part in (route.description, who, f"```sh\n{command(route)}\n```") if part)


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": PATH_PARAMETERS[name].description,
            "schema": dict(PATH_PARAMETERS[name].schema),
            "example": _example(route, name),
        }
        for name in route.placeholders
    ]


def _example(route: Route, name: str) -> Any:
    text = (route.example.path if route.example else {}).get(name, PATH_PARAMETERS[name].example)
    return int(text) if PATH_PARAMETERS[name].schema.get("type") == "integer" else text


def _query_parameters(model: type[Parameters]) -> list[dict[str, Any]]:
    made = model.model_json_schema(schema_generator=_Schemas)
    parameters = []
    for name, field in model.model_fields.items():
        schema = dict(made["properties"][name])
        description = schema.pop("description", "")
        family = field.annotation == Family
        if family:
            schema = {"type": "string"}
            description = f"Any `{name}.<key>=<value>`. {description}".strip()
        schema = next((option for option in schema.get("anyOf", ()) if option.get("type") != "null"), schema)
        schema = made["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
        schema = {key: value for key, value in schema.items() if key not in ("title", "description")}
        if schema.get("default", "") is None:
            del schema["default"]
        parameter = {"name": f"{name}.key" if family else name, "in": "query", "required": False, "schema": schema}
        parameters.append(parameter | ({"description": description} if description else {}))
    return parameters


def _header_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "header", "required": False, "description": about, "schema": {"type": "string"}}
        for name, about in route.headers.items()
    ]


def _request_content(route: Route, schemas: _Components) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for form in route.bodies:
        if isinstance(form, Media):
            content[form.name] = {"schema": _bytes(form)}
            continue
        content[JSON] = {"schema": schemas.of(form)}
        if route.example is not None and route.example.body is not None:
            content[JSON]["example"] = route.example.body
        if issubclass(form, Body) and form.text_member is not None:
            content[TEXT] = {"schema": {"type": "string", "minLength": 1, "description": f"The `{form.text_member}` itself."}}
    return content


def _answer(route: Route, status: int, schemas: _Components) -> dict[str, Any]:
    content: dict[str, Any] = {}
    models: list[dict[str, Any]] = []
    description = route.summary
    for shape in route.shapes(status):
        if isinstance(shape, Upgrade):
            description = shape.description
        elif isinstance(shape, Media):
            content[shape.name] = {"schema": schemas.of(shape.model) if shape.model is not None else _bytes(shape)}
        elif shape is not None:
            models.append(schemas.of(shape))
    if models:
        content = {JSON: {"schema": models[0] if len(models) == 1 else {"anyOf": models}}} | content
    answer: dict[str, Any] = {"description": description, "headers": _headers("X-Request-ID")}
    if status == 201:
        answer["headers"] |= _headers("Location")
    return answer | ({"content": content} if content else {})


def _bytes(form: Media) -> dict[str, Any]:
    return {"description": form.description} | ({} if form.name == JSON else {"type": "string", "format": "binary"})


def _problem(status: int, kinds: Sequence[ErrorType]) -> dict[str, Any]:
    """The response for the problems of one status."""
    headers = ["X-Request-ID", *{429: ["Retry-After"], 503: ["Retry-After"], 401: ["WWW-Authenticate"]}.get(status, [])]
    codes = [kind.code for kind in kinds]
    return {
        "description": "; ".join(f"`{kind.code}`: {kind.title}" for kind in kinds),
        "headers": _headers(*headers),
        "content": {
            problems.MEDIA_TYPE: {
                "schema": {"allOf": [{"$ref": _REF + "Problem"}, {"properties": {"code": {"enum": codes}}}]},
            }
        },
    }


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
