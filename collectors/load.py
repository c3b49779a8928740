"""The kind `Targets`: what is scraped, for one service."""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

from collectors.jobs import MIN_INTERVAL_S
from collectors.load_scraping import params, scraping
from collectors.targets import Target
from slo import names
from slo.load.codes import Code
from slo.load.document import name_in, opened
from slo.load.yaml import Fields, Node, Problems
from slo.spec import Births
from slo.windows import show

OWN_LABELS: Final = (names.JOB, names.INSTANCE, names.SERVICE)
_ADDRESS = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(\d{1,5})", re.ASCII)
_LABEL = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_SIZE = re.compile(r"(\d{1,15})(KB|MB|GB)?", re.ASCII)
_BYTES: Final[Mapping[str | None, int]] = {
    None: 1,
    "KB": 1_000,
    "MB": 1_000_000,
    "GB": 1_000_000_000,
}


def read(node: Node, problems: Problems) -> list[Target]:
    """The targets of a `Targets` document; none when anything in it is wrong."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec = document.spec
        shared = _Shared(spec, document.name)
        targets = [shared.target(fields) for fields in spec.maps("targets", required=True)]
    return targets if len(problems.errors) == before else []


class _Shared:
    """What all targets of a document have in common."""

    def __init__(self, spec: Fields, name: str) -> None:
        default = Target(job="", instance="", url="", service="")
        self.service = name_in(spec, "service")
        self.job = spec.text("job", name)
        self.interval_s = spec.duration("interval", default.interval_s)
        if 0 < self.interval_s < MIN_INTERVAL_S:
            message = f"`{spec.where}.interval` must be at least {show(MIN_INTERVAL_S)}"
            spec.problems.error(spec.mark("interval"), message, Code.OUT_OF_BOUNDS)
        self.timeout_s = spec.duration("timeout", min(default.timeout_s, self.interval_s))
        if self.timeout_s > self.interval_s:
            above = f"is above the interval of {show(self.interval_s)}"
            message = f"`{spec.where}.timeout` {above}"
            spec.problems.error(spec.mark("timeout"), message, Code.OUT_OF_BOUNDS)
        self.scheme = spec.choice("scheme", ("http", "https"), "http")
        self.path = _path(spec) + _query(spec)
        self.body_limit = _size(spec, "body_size_limit", default.body_limit)
        self.births = Births(spec.choice("births", [b.value for b in Births], Births.ZERO.value))
        self.labels = _labels(spec)
        self.scraping = scraping(spec, foreign=False)

    def target(self, fields: Fields) -> Target:
        address = fields.text("address")
        if address and not _is_address(address):
            message = f"`{address}` is no address: write host:port, the rest stands in the spec"
            fields.problems.error(fields.mark("address"), message, Code.BAD_ADDRESS)
        own = {names.JOB: self.job, names.INSTANCE: address, names.SERVICE: self.service}
        return Target(
            job=self.job,
            instance=address,
            url=f"{self.scheme}://{address}{self.path}",
            service=self.service,
            labels={**self.labels, **_labels(fields), **own},
            interval_s=self.interval_s,
            timeout_s=self.timeout_s,
            body_limit=self.body_limit,
            births=self.births,
            scraping=self.scraping,
            mark=fields.node.mark,
        )


def _path(spec: Fields) -> str:
    path = spec.text("metrics_path", "/metrics")
    if not path.startswith("/") or any(c.isspace() or c == "#" for c in path):
        message = f"`{spec.where}.metrics_path` is `{path}`; it must begin with `/`, without spaces"
        spec.problems.error(spec.mark("metrics_path"), message, Code.BAD_ADDRESS)
    return path


def _query(spec: Fields) -> str:
    """What `params` adds to the path, in order of names as Prometheus sends them."""
    said = params(spec)
    query = urlencode([(name, value) for name in sorted(said) for value in said[name]])
    return f"{'&' if '?' in spec.text('metrics_path', '') else '?'}{query}" if query else ""


def _size(spec: Fields, key: str, default: int) -> int:
    """Bytes in `50MB` or a plain number."""
    text = spec.maybe_text(key)
    if text is None:
        return default
    match = _SIZE.fullmatch(text)
    size = int(match[1]) * _BYTES[match[2]] if match else 0
    if size < 1:
        message = f"`{spec.where}.{key}` is `{text}`; write e.g. 50MB, 500KB, 1GB or plain bytes"
        spec.problems.error(spec.mark(key), message, Code.WRONG_TYPE)
    return size


def _labels(fields: Fields) -> dict[str, str]:
    """Labels for every series. Those that Vigie sets itself are refused."""
    with fields.maybe_map("labels") as labels:
        if labels is None:
            return {}
        for name in labels.names():
            if name in OWN_LABELS:
                labels.refuse(name, "is set by Vigie: remove it", Code.NOT_ALLOWED)
            elif not _LABEL.fullmatch(name):
                reason = "is no label name: use letters, digits and `_`, a letter first"
                labels.refuse(name, reason, Code.BAD_NAME)
        return {name: labels.text(name) for name in labels.names()}


def _is_address(text: str) -> bool:
    match = _ADDRESS.fullmatch(text)
    return match is not None and 1 <= int(match[2]) <= 65535
