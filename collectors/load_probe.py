"""The kind `Probe`: what is tried from outside, for one service.

The options of a prober stand under its name, with the keys of blackbox_exporter's modules.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from collectors import load_probe_options
from collectors.load_probe_options import DNS_TYPES, RCODES
from collectors.probe.model import (
    HERE,
    LOCAL,
    LOCATION,
    NOTICE_S,
    PAGE_S,
    Location,
    Options,
    Probe,
    Prober,
    ProbeTarget,
    majority,
    targets_of,
)
from slo import names
from slo.load.codes import Code
from slo.load.document import name_in, opened
from slo.load.yaml import Fields, Node, Problems
from slo.windows import show

__all__ = [
    "DNS_TYPES",
    "MAX_LOCATIONS",
    "MAX_ROW",
    "MAX_TARGETS",
    "MIN_INTERVAL_S",
    "MODULES",
    "RCODES",
    "read",
]

MIN_INTERVAL_S: Final = 1.0
DEFAULT_INTERVAL_S: Final = 60.0
DEFAULT_TIMEOUT_S: Final = 10.0
MAX_ROW: Final = 100  # attempts in a row
MAX_LOCATIONS: Final = 50
MAX_TARGETS: Final = 1000  # of one probe
OWN_LABELS: Final = (names.JOB, names.INSTANCE, names.SERVICE, LOCATION)
# The modules that blackbox_exporter's own example file has for these.
MODULES: Final[Mapping[Prober, str]] = {
    Prober.HTTP: "http_2xx",
    Prober.TCP: "tcp_connect",
    Prober.ICMP: "icmp",
}
_LABEL = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_HOST = r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
_HOST_PORT = re.compile(rf"{_HOST}:([0-9]{{1,5}})", re.ASCII)
_MAYBE_PORT = re.compile(rf"{_HOST}(?::([0-9]{{1,5}}))?", re.ASCII)
_BARE = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+", re.ASCII)
_READERS: Final[Mapping[Prober, Callable[[Fields], Options]]] = {
    Prober.HTTP: load_probe_options.http,
    Prober.TCP: load_probe_options.tcp,
    Prober.TLS: load_probe_options.tls,
    Prober.DNS: load_probe_options.dns,
    Prober.ICMP: load_probe_options.icmp,
}


def read(node: Node, problems: Problems) -> Probe | None:
    """A `Probe` document; None when anything in it is wrong."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        spec = document.spec
        prober = Prober(spec.choice("prober", [p.value for p in Prober]))
        interval_s, timeout_s = _times(spec)
        _check_count(spec, "targets", MAX_TARGETS)
        locations = _locations(spec, prober)
        notice_s, page_s = _certificate(spec)
        probe = Probe(
            name=document.name,
            service=name_in(spec, "service"),
            targets=tuple(_target(one, prober) for one in spec.maps("targets", required=True)),
            options=_options(spec, prober),
            interval_s=interval_s,
            timeout_s=timeout_s,
            locations=locations,
            quorum=spec.integer(
                "quorum", majority(len(locations)), at_least=1, at_most=len(locations)
            ),
            failures=spec.integer("failures", 3, at_least=1, at_most=MAX_ROW),
            successes=spec.integer("successes", 2, at_least=1, at_most=MAX_ROW),
            certificate_notice_s=notice_s,
            certificate_page_s=page_s,
            labels=_labels(spec),
            mark=node.mark,
        )
        if len(problems.errors) == before:
            _check_unique(probe, spec)
    return probe if len(problems.errors) == before else None


def _times(spec: Fields) -> tuple[float, float]:
    """The interval and the timeout, which is not above it."""
    interval_s = spec.duration("interval", DEFAULT_INTERVAL_S)
    if 0 < interval_s < MIN_INTERVAL_S:
        message = f"`{spec.where}.interval` must be at least {show(MIN_INTERVAL_S)}"
        spec.problems.error(spec.mark("interval"), message, Code.OUT_OF_BOUNDS)
    timeout_s = spec.duration("timeout", min(DEFAULT_TIMEOUT_S, interval_s))
    if timeout_s > interval_s:
        message = f"`{spec.where}.timeout` is above the interval of {show(interval_s)}"
        spec.problems.error(spec.mark("timeout"), message, Code.OUT_OF_BOUNDS)
    return interval_s, timeout_s


def _certificate(spec: Fields) -> tuple[float, float]:
    """How long before its end a certificate is worth a notice, and a page; 0s: never."""
    notice_s, page_s = NOTICE_S, PAGE_S
    with spec.maybe_map("certificate") as fields:
        if fields is not None:
            notice_s = fields.duration("notice", notice_s, above_s=-1.0)
            page_s = fields.duration("page", min(page_s, notice_s), above_s=-1.0)
    return notice_s, page_s


def _options(spec: Fields, prober: Prober) -> Options:
    """What stands under the prober's name; the names of others are refused."""
    for other in Prober:
        if other is not prober:
            reason = f"is for another prober: this one is `{prober}`"
            spec.refuse(other.value, reason, Code.CONFLICT)
    node = spec.node_of(prober.value, required=prober is Prober.DNS)
    if node is None:
        return _READERS[prober](load_probe_options.nothing(spec))
    fields = Fields(node, spec.problems, f"{spec.where}.{prober}")
    options = _READERS[prober](fields)
    fields.close()
    return options


def _target(fields: Fields, prober: Prober) -> ProbeTarget:
    if prober is Prober.HTTP:
        address = fields.text("url")
        if address and (fault := _fault_of_url(address)):
            message = f"`{fields.where}.url` {fault}"
            fields.problems.error(fields.mark("url"), message, Code.BAD_ADDRESS)
        return ProbeTarget(address, _labels(fields))
    address = fields.text("address")
    form = _form(prober)
    if address and not _is_address(address, prober):
        message = f"`{address}` is no address for the prober {prober}: write {form}"
        fields.problems.error(fields.mark("address"), message, Code.BAD_ADDRESS)
    return ProbeTarget(address, _labels(fields))


def _locations(spec: Fields, prober: Prober) -> tuple[Location, ...]:
    """Where it is probed from: here, unless the file says otherwise."""
    found: dict[str, Location] = {}
    for fields in spec.maps("locations"):
        location = _location(fields, prober)
        if location.name in found:
            message = f"location `{location.name}` stands twice: keep one"
            fields.problems.error(fields.mark("name"), message, Code.DUPLICATE)
        found[location.name] = location
    _check_count(spec, "locations", MAX_LOCATIONS)
    return tuple(found.values()) or (HERE,)


def _check_count(spec: Fields, key: str, most: int) -> None:
    if len(spec.items(key)) > most:
        message = f"`{spec.where}.{key}` has over {most} items: write a second Probe"
        spec.problems.error(spec.mark(key), message, Code.TOO_LARGE)


def _location(fields: Fields, prober: Prober) -> Location:
    name, url = name_in(fields, "name"), fields.text("blackbox_url", "")
    if name == LOCAL:
        for key in ("blackbox_url", "module"):
            fields.refuse(key, f"belongs to other places: `{LOCAL}` is here", Code.CONFLICT)
        return HERE
    if not url and name:
        message = (
            f"`{fields.where}` needs `blackbox_url`: the blackbox_exporter there; "
            f"only `{LOCAL}` goes without"
        )
        fields.problems.error(fields.mark("name"), message, Code.MISSING_KEY)
    if url and (fault := _fault_of_url(url, base=True)):
        message = f"`{fields.where}.blackbox_url` {fault}"
        fields.problems.error(fields.mark("blackbox_url"), message, Code.BAD_ADDRESS)
    module = fields.text("module", MODULES.get(prober))
    return Location(name, url, module)


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


def _check_unique(probe: Probe, spec: Fields) -> None:
    """No two of its targets may be one, also where an address ends in another's location."""
    seen: set[str] = set()
    for target in targets_of(probe):
        if target.id in seen:
            message = f"`{target.instance}` stands twice in `{spec.where}.targets`: keep one"
            spec.problems.error(spec.mark("targets"), message, Code.DUPLICATE)
        seen.add(target.id)


def _fault_of_url(text: str, *, base: bool = False) -> str:
    """What is wrong with a URL; empty where nothing is."""
    form = "write http://host or https://host" + ("" if base else " and a path")
    if any(c.isspace() or not c.isprintable() for c in text):
        return f"has a space in it: {form}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return f"is `{text}`: {form}"
    if parts.username is not None or parts.password is not None:
        return "holds credentials: they belong into `basic_auth`, for a URL is shown to people"
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        return f"is `{text}`: {form}"
    if base and (parts.query or parts.fragment):
        return "has more than a path: Vigie adds `/probe` and the question itself"
    return ""


def _form(prober: Prober) -> str:
    return {
        Prober.TCP: "host:port",
        Prober.TLS: "host or host:port",
        Prober.DNS: "the name server as host or host:port",
    }.get(prober, "a host")


def _is_address(text: str, prober: Prober) -> bool:
    if prober is Prober.ICMP:
        return _BARE.fullmatch(text) is not None
    match = (_HOST_PORT if prober is Prober.TCP else _MAYBE_PORT).fullmatch(text)
    return match is not None and (match[2] is None or 1 <= int(match[2]) <= 65535)
