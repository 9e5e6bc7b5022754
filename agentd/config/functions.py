"""The tables of ``[functions.*]`` that declare functions without Python: ``http``, ``mcp`` and ``delegated``.

Every other table belongs to the handler file of its name, and what stands in it is the handler's own affair.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

FUNCTION_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,47}\Z")
MAX_TIMEOUT_S: Final = 300.0

_PLACE: Final = re.compile(r"\{([^{}]*)\}")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
"""A token (RFC 9110 §5.6.2)."""
_OURS: Final = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "te", "upgrade", "cookie"}
)
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")

Tier = Literal["read", "low", "medium", "high"]


class Credential(BaseModel):
    """``{ credential = "name" }``: a value that is not in the file, see ``agentd.functions.remote.credentials``.

    Attributes:
        prefix: put before it, such as ``"Bearer "``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    credential: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")
    prefix: str = ""


Text = str | Credential
Plain = str | bool | int | float


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OptionTable(_Table):
    """How functions want to be called; see ``agentd.functions.options``."""

    timeout_s: float = Field(default=10.0, gt=0, le=MAX_TIMEOUT_S)
    cancel_on_barge_in: bool | None = None
    filler: str | tuple[str, ...] = ()
    filler_after_s: float = Field(default=1.5, gt=0, allow_inf_nan=False)
    on_duplicate: Literal["run", "answer"] = "run"
    per_minute: int | None = Field(default=None, ge=1)
    untrusted_output: bool = True
    background: bool = False
    say: str | None = None
    """Sentence for the offline thinker with members of the result in braces (a handler's option ``result``)."""
    examples: tuple[str, ...] = ()


class DeclaredTable(OptionTable):
    """A function that the file itself describes."""

    description: str = Field(min_length=1, max_length=4_000)
    parameters: dict[str, Any] = Field(default_factory=dict)
    """JSON Schema of the arguments, or in short ``{ city = "string", days = "integer?" }``."""
    tier: Tier = "high"


class HttpTable(DeclaredTable):
    """``[functions.http.<name>]``: one request to a fixed origin."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str
    """With ``{argument}`` in path or query."""
    headers: dict[str, Text] = Field(default_factory=dict)
    query: dict[str, Plain | Credential] = Field(default_factory=dict)
    """Sent with every request."""
    body: dict[str, Any] | None = None
    """Members that every JSON body has."""
    arguments: Literal["query", "json", "form"] | None = None
    """Where arguments go that are not in the URL; left out: into the query for GET and DELETE, else into a JSON body."""
    result: str | None = None
    """JSON pointer (RFC 6901) to the part of the answer that is the result."""

    @property
    def places(self) -> tuple[str, ...]:
        """Arguments that stand in the URL."""
        return tuple(_PLACE.findall(self.url))

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        match = re.match(r"(https?)://([^/?#]+)([^#]*)\Z", value)
        if match is None or not value.isascii() or not value.isprintable() or " " in value:
            raise ValueError('it is an http or https URL without a fragment, such as "https://api.example.org/v1/{city}"')
        if "@" in match[2]:
            raise ValueError("no user stands in the URL; use headers with a credential")
        if "{" in match[2] or "}" in match[2]:
            raise ValueError("an argument cannot stand in the host or port: the origin is fixed")
        if re.search(r"[{}]", _PLACE.sub("", match[3])):
            raise ValueError("a brace is not closed; places are written {argument}")
        return value

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, Text]) -> dict[str, Text]:
        return _sound_headers(value)

    @field_validator("result")
    @classmethod
    def _pointer(cls, value: str | None) -> str | None:
        if value is not None and value != "" and not value.startswith("/"):
            raise ValueError('it is a JSON pointer, such as "/current/temperature"')
        return value

    @model_validator(mode="after")
    def _body_where_one_goes(self) -> "HttpTable":
        if self.method in {"GET", "DELETE"} and (self.body is not None or self.arguments in {"json", "form"}):
            raise ValueError(f"a {self.method} request has no body; use POST, PUT or PATCH")
        if self.body is not None and self.arguments == "form":
            raise ValueError("body is for JSON; leave out arguments or set it to json")
        return self


class DelegatedTable(DeclaredTable):
    """``[functions.delegated.<name>]``: a client of the API runs it."""

    timeout_s: float = Field(default=30.0, gt=0, le=MAX_TIMEOUT_S)
    untrusted_output: bool = False


class ToolTable(OptionTable):
    """One tool of an MCP server; what is left out is as the server's table has it."""

    tier: Tier = "high"


class McpTable(OptionTable):
    """``[functions.mcp.<name>]``: an MCP server, started by the daemon (``command``) or reached over HTTP (``url``)."""

    command: str | None = Field(default=None, min_length=1)
    args: tuple[str, ...] = ()
    env: dict[str, Text] = Field(default_factory=dict)
    """Variables that the server gets."""
    pass_env: tuple[str, ...] = ()
    """Variables of the daemon's own that it gets besides the harmless ones (PATH, HOME, LANG …)."""
    cwd: str | None = None
    url: str | None = None
    headers: dict[str, Text] = Field(default_factory=dict)
    tools: Literal["all"] | tuple[str, ...] | dict[str, Tier | ToolTable]
    """Which tools agents get: ``"all"`` or a list (all of tier high), or a table of tiers."""
    prefix: str = Field(default="", max_length=32, pattern=r"^([a-z][a-z0-9_]*)?$")
    """Put before every tool's name."""
    start_timeout_s: float = Field(default=30.0, gt=0, le=MAX_TIMEOUT_S)
    """Until a server that was started must have listed its tools."""
    stop_timeout_s: float = Field(default=2.0, gt=0, le=5)
    """What a server that was started has to end once its input is closed, and again after SIGTERM; then it is killed."""

    @field_validator("headers")
    @classmethod
    def _headers(cls, value: dict[str, Text]) -> dict[str, Text]:
        return _sound_headers(value)

    @field_validator("env", "pass_env")
    @classmethod
    def _variables(cls, value: Any) -> Any:
        for name in value:
            if not _VARIABLE.match(name):
                raise ValueError(f"{name!r} is no name of a variable")
        return value

    @field_validator("url")
    @classmethod
    def _url(cls, value: str | None) -> str | None:
        if value is not None and (re.match(r"https?://[^/?#@]+(/[^?#]*)?\Z", value) is None or not value.isascii()):
            raise ValueError('it is an http or https URL without user, query and fragment, such as "http://127.0.0.1:8000/mcp"')
        return value

    @model_validator(mode="after")
    def _one_way_in(self) -> "McpTable":
        if (self.command is None) == (self.url is None):
            raise ValueError("set command (the daemon starts the server) or url (it runs elsewhere)")
        own = {"args", "env", "pass_env", "cwd", "stop_timeout_s"}
        if self.url is not None and own & self.model_fields_set:
            raise ValueError("args, env, pass_env, cwd and stop_timeout_s belong to a server with a command")
        if self.command is not None and self.headers:
            raise ValueError("headers belong to a server with a url")
        return self


class FunctionTables(BaseModel):
    """What ``[functions]`` may hold: three tables with keys of their own, and one for every handler file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    http: dict[str, HttpTable] = Field(default_factory=dict)
    mcp: dict[str, McpTable] = Field(default_factory=dict)
    delegated: dict[str, DelegatedTable] = Field(default_factory=dict)

    @field_validator("http", "mcp", "delegated")
    @classmethod
    def _names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not FUNCTION_NAME.match(name):
                raise ValueError(f"{name!r} is no name: small letters, digits and _, at most 48, starting with a letter")
        return value


RESERVED: Final = frozenset(FunctionTables.model_fields)
"""Names that no handler file can have: their tables are these."""


def _checked(tables: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    FunctionTables.model_validate(tables)
    return tables


FreeTables = Annotated[dict[str, dict[str, Any]], AfterValidator(_checked)]
"""``[functions.*]`` as written; its declared tables have been found good."""


def declared(tables: Mapping[str, Mapping[str, Any]]) -> FunctionTables:
    """The declared tables among ``[functions.*]``."""
    return FunctionTables.model_validate({name: tables[name] for name in RESERVED if name in tables})


def _sound_headers(value: dict[str, Text]) -> dict[str, Text]:
    for name, content in value.items():
        if not _HEADER.match(name):
            raise ValueError(f"{name!r} is no name of a header")
        if name.lower() in _OURS:
            raise ValueError(f"{name} is set by the daemon itself")
        if isinstance(content, str) and not (content.isascii() and content.isprintable()):
            raise ValueError(f"the value of {name} holds characters that no header has")
    return value
