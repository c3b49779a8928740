"""The OpenSLO kind `DataSource`: a server that answers PromQL, or one that Vigie can't ask."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import yaml

from slo.load import openslo_metadata
from slo.load.codes import Code
from slo.load.openslo_sli import speaks_promql
from slo.load.yaml import Fields, Mark, Node, Problems
from slo.spec import DataSource
from slo.windows import show

MIN_INTERVAL_S: Final = 1.0
MAX_CONCURRENCY: Final = 64
MAX_SAMPLES: Final = 100_000_000
_URL = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?(/[^\s?#]*)?", re.ASCII
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Other spellings of keys, after `camelCase` became `snake_case`.
_ALIASES: Final = {
    "uri": "url",
    "address": "url",
    "endpoint": "url",
    "user": "username",
    "token_file": "bearer_token_file",
    "tenant_id": "tenant",
    "org_id": "tenant",
}
# A secret written in plain, and the key that names a file with it instead.
_SECRETS: Final = {
    "password": "password_file",
    "token": "bearer_token_file",
    "bearer_token": "bearer_token_file",
    "access_token": "bearer_token_file",
    "api_key": "bearer_token_file",
    "secret": "bearer_token_file",
    "cert": "cert_file",
    "key": "key_file",
}
_SECRET_HEADERS: Final = ("authorization", "proxy-authorization", "cookie", "x-api-key")
_FILES: Final = ("password_file", "bearer_token_file", "ca_file", "cert_file", "key_file")


@dataclass(frozen=True, slots=True)
class ForeignSource:
    """A DataSource of a type that doesn't answer PromQL."""

    name: str
    type: str


def read(node: Node, problems: Problems) -> DataSource | ForeignSource | None:
    """A `DataSource` document. Files that it names stand relative to its own file."""
    before = len(problems.errors)
    fields = Fields(node, problems)
    fields.ignore("apiVersion", "kind")
    name = openslo_metadata.read(fields).name
    found: DataSource | ForeignSource
    with fields.map("spec") as spec:
        spec.ignore("description")
        kind = spec.text("type")
        details = spec.node_of("connectionDetails")
        found = ForeignSource(name, kind)
        if details is not None and speaks_promql(kind):
            found = _source(name, kind, _merged(details, spec), node.mark)
    fields.close()
    return found if len(problems.errors) == before else None


def _merged(details: Node, spec: Fields) -> Fields:
    """`connectionDetails`, a mapping or a list of mappings, as one mapping in Vigie's spelling."""
    pairs = list(_pairs(details, spec.problems))
    merged = yaml.MappingNode(
        "tag:yaml.org,2002:map", pairs, details.raw.start_mark, details.raw.end_mark
    )
    return Fields(details.child(merged), spec.problems, f"{spec.where}.connectionDetails")


def _pairs(details: Node, problems: Problems) -> Iterator[tuple[yaml.Node, yaml.Node]]:
    raws = details.raw.value if isinstance(details.raw, yaml.SequenceNode) else [details.raw]
    for raw in raws:
        if not isinstance(raw, yaml.MappingNode):
            message = "`spec.connectionDetails` must be a mapping, or a list of mappings"
            problems.error(details.child(raw).mark, message, Code.WRONG_TYPE)
            continue
        for key, value in raw.value:
            yield _respelled(key), value


def _respelled(key: yaml.Node) -> yaml.Node:
    if not isinstance(key, yaml.ScalarNode):
        return key
    snake = _HUMP.sub("_", str(key.value)).replace("-", "_").casefold()
    return yaml.ScalarNode(key.tag, _ALIASES.get(snake, snake), key.start_mark, key.end_mark)


def _source(name: str, kind: str, details: Fields, mark: Mark) -> DataSource:
    default = DataSource("", "", "")
    _refuse_secrets(details)
    files = {key: _file(details, key, mark.path) for key in _FILES}
    interval_s = details.duration("interval", default.interval_s)
    if 0 < interval_s < MIN_INTERVAL_S:
        message = f"`{details.where}.interval` must be at least {show(MIN_INTERVAL_S)}"
        details.problems.error(details.mark("interval"), message, Code.OUT_OF_BOUNDS)
    source = DataSource(
        name=name,
        type=kind,
        url=_url(details),
        tenant=details.text("tenant", ""),
        headers=_headers(details),
        username=details.text("username", ""),
        interval_s=interval_s,
        timeout_s=details.duration("timeout", default.timeout_s),
        lag_s=_lag(details),
        concurrency=details.integer(
            "concurrency", default.concurrency, at_least=1, at_most=MAX_CONCURRENCY
        ),
        max_samples=details.integer(
            "max_samples", default.max_samples, at_least=1, at_most=MAX_SAMPLES
        ),
        default=details.flag("default", default.default),
        mark=mark,
        **files,
    )
    _check_together(details, source)
    details.close()
    return source


def _refuse_secrets(details: Fields) -> None:
    for key, instead in _SECRETS.items():
        reason = f"is a secret in plain text: put it into a file, and name that in `{instead}`"
        details.refuse(key, reason, Code.NOT_ALLOWED)


def _file(details: Fields, key: str, path: str) -> str:
    """A file, relative to the folder of the document's own."""
    name = details.text(key, "")
    folder, slash, _ = path.rpartition("/")
    return name if not name or name.startswith("/") else f"{folder}{slash}{name}"


def _url(details: Fields) -> str:
    url = details.text("url")
    if url and not _URL.fullmatch(url):
        secret = "@" in url.partition("//")[2].partition("/")[0]
        message = f"`{details.where}.url` is no address: write e.g. http://prometheus:9090"
        if secret:
            message = (
                f"`{details.where}.url` holds a user or password: write `username` and "
                "`password_file` instead"
            )
        details.problems.error(details.mark("url"), message, Code.BAD_ADDRESS)
    return url.rstrip("/")


def _headers(details: Fields) -> dict[str, str]:
    headers = details.labels("headers")
    for name in headers:
        if name.casefold() in _SECRET_HEADERS:
            message = (
                f"header `{name}` is a secret in plain text: name a file in `bearer_token_file` or "
                "`password_file`"
            )
            details.problems.error(details.mark("headers"), message, Code.NOT_ALLOWED)
    return headers


def _lag(details: Fields) -> float:
    """Zero may be written, as `0s`."""
    text = details.text("lag", "")
    return 0.0 if text.strip("0") in ("", "s", "m") else details.duration("lag")


def _check_together(details: Fields, source: DataSource) -> None:
    if bool(source.username) != bool(source.password_file):
        missing = "password_file" if source.username else "username"
        message = f"missing key `{details.where}.{missing}`: both make a login"
        details.problems.error(details.node.mark, message, Code.MISSING_KEY)
    if source.username and source.bearer_token_file:
        reason = "stands beside `username`: keep one way to log in"
        details.refuse("bearer_token_file", reason, Code.CONFLICT)
    if bool(source.cert_file) != bool(source.key_file):
        missing = "key_file" if source.cert_file else "cert_file"
        message = f"missing key `{details.where}.{missing}`: a certificate needs its key"
        details.problems.error(details.node.mark, message, Code.MISSING_KEY)
