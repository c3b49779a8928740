"""What needs a restart to change: `vigie.yaml`, `VIGIE_*` over it, command line over both.

The only reader of the environment. A relative path is relative to the folder of `vigie.yaml`,
wherever it was written.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from pydantic_settings import SettingsError as UnreadableEnvironment

from collectors.otlp.red import dimension_labels
from collectors.proxies import Proxies
from slo import windows
from slo.load.codes import Code
from slo.load.yaml import Fields, LoadError, Mark, Node, Problems, documents, plain

ENV_PREFIX: Final = "VIGIE_"


class SettingsError(Exception):
    """Settings that cannot be used, and not because of what a file says: each line says why."""


def _duration(value: object) -> object:
    return value if isinstance(value, timedelta) else timedelta(seconds=windows.parse(str(value)))


def _list(value: object) -> object:
    """Lists are written `a,b` in the environment."""
    return [v.strip() for v in value.split(",") if v.strip()] if isinstance(value, str) else value


def _show(value: timedelta) -> str:
    return windows.show(value.total_seconds())


Duration = Annotated[timedelta, BeforeValidator(_duration, str), PlainSerializer(_show)]
Paths = Annotated[tuple[Path, ...], NoDecode, BeforeValidator(_list)]
Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_list)]


def _span(default: str, description: str) -> Any:
    """A field of a duration; its schema shows the default as people write it."""
    value = timedelta(seconds=windows.parse(default))
    shown: dict[str, Any] = {"default": default}
    return Field(default=value, description=description, json_schema_extra=shown)


def proxies() -> Proxies:
    """What the environment says of proxies, for those who ask for it; small letters go first."""

    def said(name: str) -> str:
        return os.environ.get(name.lower(), "") or os.environ.get(name, "")

    return Proxies(said("HTTP_PROXY"), said("HTTPS_PROXY"), said("NO_PROXY"))


class Retention(BaseModel):
    """How long each kind of record is kept; incidents are kept for ever."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    slices: Duration = _span("400d", "slices of the ledger")
    deliveries: Duration = _span("90d", "attempts to reach people")
    runs: Duration = _span("90d", "output of runbook steps")


class Settings(BaseSettings):
    """All settings, checked; paths are absolute, `token` is the token itself.

    Other variables that begin with VIGIE_ are left alone: Kubernetes sets VIGIE_PORT and
    VIGIE_SERVICE_HOST in every pod beside a Service called vigie. No setting may take those names.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )

    path: Path | None = Field(default=None, description="the vigie.yaml that was read")
    listen: str = Field(
        default="127.0.0.1:8080", description="HOST:PORT, off loopback only with a token or users"
    )
    otlp_grpc: str | None = Field(
        default=None,
        description="HOST:PORT for OTLP over gRPC, off loopback as `listen`; empty: off",
    )
    data: Path = Field(default=Path("data"), description="folder of the database and of history")
    database: str = Field(default="", description="database URL; empty: SQLite at data/vigie.db")
    files: Paths = Field(
        default=(Path("slos"), Path("targets"), Path("channels"), Path("runbooks")),
        description="files and folders of SLOs, targets, policies, channels and runbooks",
    )
    slice: Duration = _span("10s", "slice width, divides 60s")
    token: str | None = Field(default=None, repr=False, description="what clients must send")
    token_file: Path | None = Field(default=None, description="file that holds the token")
    users: bool = Field(
        default=False,
        description="people sign in; a start without users makes an admin, and tells the password",
    )
    logs: Literal["json", "text"] = Field(default="json", description="format of the log on stderr")
    otlp_endpoint: str | None = Field(default=None, description="OTLP/HTTP URL for own spans")
    retention: Retention = Field(default=Retention(), description="how long records are kept")
    public_url: str | None = Field(
        default=None, description="how people reach the pages, for links in messages"
    )
    traces_url: str | None = Field(
        default=None,
        description="where a trace is shown, by `{trace_id}`, e.g. https://jaeger/trace/{trace_id}",
    )
    response_cost_per_hour: float | None = Field(
        default=None, ge=0, description="what an hour of a person costs, in analytics of incidents"
    )
    span_dimensions: dict[str, str] = Field(
        default={},
        description="attributes of spans that become labels, each with its default; empty: absent",
    )
    allowed_hosts: Names = Field(default=(), description="Host headers to answer to, too")
    crash_at: str | None = Field(default=None, description="tests: where to die (vigie.faults)")

    not_in_file: ClassVar = frozenset({"path", "crash_at"})

    @property
    def host(self) -> str:
        return _split(self.listen)[0]

    @property
    def port(self) -> int:
        return _split(self.listen)[1]

    @property
    def url(self) -> str:
        """The address for links, without a slash at the end.

        The setting cannot be called `url`: VIGIE_URL names the server to clients.
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")

    @property
    def slice_s(self) -> int:
        return int(self.slice.total_seconds())

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach us."""
        return _is_loopback(self.host)


def load(path: Path | None, **overrides: object) -> Settings:
    """The settings of a file (None: defaults), the environment and `overrides` (None: not given).

    Raises LoadError when the file says something wrong, SettingsError for everything else.
    """
    file = _read(path) if path is not None else _File(None, {})
    given = {key: value for key, value in overrides.items() if value is not None}
    places = _Places(file, given)
    try:
        settings = _merged(file.values, {"path": path, **given})
    except ValidationError as error:
        raise places.refusal(_reasons(error)) from None
    except UnreadableEnvironment as error:
        raise SettingsError(f"environment: error: {error}: {error.__cause__}") from error
    settings = _one_token(settings, places)
    if reasons := list(_contradictions(settings)):
        raise places.refusal(reasons)
    settings = _resolved(settings, path.absolute().parent if path is not None else Path.cwd())
    if reasons := list(_exposed(settings)):
        raise places.refusal(reasons)
    return settings


@dataclass(frozen=True, slots=True)
class _File:
    fields: Fields | None
    values: Mapping[str, Any]


def _read(path: Path) -> _File:
    """The values of a file and where each stands; unknown and repeated keys are problems."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        hint = "`vigie init DIR` writes one"
        raise SettingsError(f"{path}: error: there is no such file; {hint}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: error: cannot be read: {error}") from error
    problems = Problems()
    nodes = documents(text, str(path), problems)
    if len(nodes) > 1:
        message = "vigie.yaml holds one document: remove the `---`"
        problems.error(nodes[1].mark, message, Code.DUPLICATE)
    file = _file_of(nodes[0], problems) if nodes else _File(None, {})
    if problems.errors:
        raise LoadError(problems.errors)
    return file


def _file_of(node: Node, problems: Problems) -> _File:
    fields = Fields(node, problems)
    values = {}
    for key in Settings.model_fields.keys() - Settings.not_in_file:
        inner = fields.node_of(key, required=False)
        if inner is not None:
            values[key] = plain(inner)
    fields.close()
    retention = fields.node_of("retention", required=False)
    if retention is not None:
        nested = Fields(retention, problems, "retention")
        nested.ignore(*Retention.model_fields)
        nested.close()
    return _File(fields, values)


def _merged(file: Mapping[str, Any], given: Mapping[str, object]) -> Settings:
    class WithFile(Settings):
        """Settings whose last source is the file."""

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - no .env file is read
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - token_file serves
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            from_file = InitSettingsSource(settings_cls, init_kwargs=dict(file))
            return init_settings, env_settings, from_file

    return WithFile(**given)  # type: ignore[arg-type]  # values are checked right there


Reason = tuple[str, Code, str]  # the key, and what is wrong with it
_CODES: Final = {  # of pydantic's kinds of errors; any other is a wrong type
    "extra_forbidden": Code.UNKNOWN_KEY,
    "literal_error": Code.NOT_ALLOWED,
    "value_error": Code.BAD_DURATION,  # durations are the only values that are parsed here
}


def _reasons(error: ValidationError) -> Iterator[Reason]:
    for item in error.errors():
        key = str(item["loc"][0])
        name = ".".join(str(part) for part in item["loc"])
        about = (
            Settings.model_fields[key].description if key in Settings.model_fields else "unknown"
        )
        message = item["msg"].removeprefix("Value error, ")
        code = _CODES.get(item["type"], Code.WRONG_TYPE)
        yield key, code, f"`{name}`: {message} ({about})"


def _one_token(settings: Settings, places: "_Places") -> Settings:
    """VIGIE_TOKEN is meant over a `token_file:` of the file, VIGIE_TOKEN_FILE over a `token:`."""
    if settings.token is None or settings.token_file is None:
        return settings
    ranks = {key: places.rank(key) for key in ("token", "token_file")}
    weaker = min(ranks, key=lambda key: ranks[key])
    alike = len(set(ranks.values())) == 1
    return settings if alike else settings.model_copy(update={weaker: None})


def _contradictions(settings: Settings) -> Iterator[Reason]:
    wrong = list(_misaddressed(settings))
    yield from wrong
    if wrong:
        return
    seconds = settings.slice.total_seconds()
    if seconds < 1 or 60 % seconds:
        message = f"`slice` is {_show(settings.slice)}; write a whole divisor of 60s, e.g. 10s"
        yield "slice", Code.OUT_OF_BOUNDS, message
    for name, kept in settings.retention:
        if kept < timedelta(days=1):
            message = f"`retention.{name}` is {_show(kept)}; it must be at least 1d"
            yield "retention", Code.OUT_OF_BOUNDS, message
    if settings.token is not None and settings.token_file is not None:
        yield "token_file", Code.CONFLICT, "`token` and `token_file` are both set: keep one"
    if urlsplit(settings.public_url or "http:").scheme not in ("http", "https"):
        message = f"`public_url` is {settings.public_url}; write http(s)://HOST[:PORT]"
        yield "public_url", Code.BAD_ADDRESS, message
    if settings.traces_url is not None and not _leads_to_traces(settings.traces_url):
        message = (
            f"`traces_url` is {settings.traces_url}; write http(s)://HOST/... that holds "
            "`{trace_id}` where the id of a trace belongs"
        )
        yield "traces_url", Code.BAD_ADDRESS, message
    try:
        dimension_labels(settings.span_dimensions)
    except ValueError as error:
        yield "span_dimensions", Code.NOT_ALLOWED, f"`span_dimensions`: {error}"
    if _is_own_address(settings.otlp_endpoint, settings):
        message = "`otlp_endpoint` is Vigie itself: name a collector of traces"
        yield "otlp_endpoint", Code.BAD_ADDRESS, message


def _misaddressed(settings: Settings) -> Iterator[Reason]:
    for key, address in _listens(settings):
        try:
            _split(address)
        except ValueError as error:
            yield key, Code.BAD_ADDRESS, f"`{key}`: {error}"
    if settings.otlp_grpc == settings.listen:
        message = "`otlp_grpc` is `listen` itself: choose another port, e.g. 4317"
        yield "otlp_grpc", Code.CONFLICT, message


def _listens(settings: Settings) -> Iterator[tuple[str, str]]:
    """The addresses to listen on, by their keys."""
    yield "listen", settings.listen
    if settings.otlp_grpc:
        yield "otlp_grpc", settings.otlp_grpc


def _leads_to_traces(template: str) -> bool:
    try:
        parts = urlsplit(template)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.netloc) and "{trace_id}" in template


def _is_own_address(url: str | None, settings: Settings) -> bool:
    parts = urlsplit(url or "")
    if parts.hostname is None or (parts.port or 80) != settings.port:
        return False
    return parts.hostname == settings.host or _is_loopback(parts.hostname)


def _resolved(settings: Settings, base: Path) -> Settings:
    data = base / settings.data
    default_files = Settings.model_fields["files"].default
    files = tuple(base / file for file in settings.files)
    if settings.files == default_files:  # a folder that nobody named need not exist
        files = tuple(file for file in files if file.exists()) or files
    token_file = base / settings.token_file if settings.token_file is not None else None
    changes = {
        "data": data,
        "files": files,
        "database": _database(settings.database, data, base),
        "token_file": token_file,
        "token": _token(token_file) if token_file is not None else settings.token,
    }
    return settings.model_copy(update=changes)


def _database(url: str, data: Path, base: Path) -> str:
    scheme, mark, name = url.partition(":///")
    if not url:
        return f"sqlite:///{data / 'vigie.db'}"
    if scheme == "sqlite" and mark and not name.startswith("/"):
        return f"sqlite:///{base / name}"
    return url


def _token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: error: `token_file` cannot be read: {error}") from error


def _exposed(settings: Settings) -> Iterator[Reason]:
    if settings.token == "":
        key = "token" if settings.token_file is None else "token_file"
        yield key, Code.EMPTY, "the token is empty"
    elif settings.token is None and not settings.users:
        for key, address in _listens(settings):
            if not _is_loopback(_split(address)[0]):
                message = (
                    f"`{key}` is {address}, which other machines reach, and no token is set: "
                    "set `token_file` (or VIGIE_TOKEN) or `users: true`, or listen on 127.0.0.1"
                )
                yield key, Code.MISSING_KEY, message


class _Places:
    """Where each setting was written, to say so."""

    def __init__(self, file: _File, given: Mapping[str, object]) -> None:
        self._file = file
        self._given = given

    def refusal(self, reasons: Iterator[Reason] | list[Reason]) -> LoadError | SettingsError:
        """All reasons as one error: a LoadError when they all lie in the file."""
        problems = Problems()
        lines = []
        for key, code, message in reasons:
            mark = self._mark(key)
            if mark is not None:
                problems.error(mark, message, code)
                lines.append(str(problems.items[-1]))
            else:
                lines.append(f"{self._source(key)}: error[{code}] {message}")
        if len(problems.items) == len(lines):
            return LoadError(problems.items)
        return SettingsError("\n".join(lines))

    def rank(self, key: str) -> int:
        """How strong the word for a setting is: command line, environment, file."""
        source = self._source(key)
        return 2 if source.startswith("--") else 1 if source != "settings" else 0

    def _mark(self, key: str) -> Mark | None:
        if self._source(key) != "settings" or self._file.fields is None:
            return None
        return self._file.fields.mark(key) if key in self._file.values else None

    def _source(self, key: str) -> str:
        if key in self._given:
            return f"--{key.replace('_', '-')}"
        name = ENV_PREFIX + key.upper()
        found = next((n for n in os.environ if n.upper() in (name, f"{name}__")), None)
        return found or "settings"


def _split(listen: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT` or `[IPV6]:PORT`."""
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"`{listen}` is no HOST:PORT, e.g. 127.0.0.1:8080")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name: whatever it resolves to now may change
        return False
