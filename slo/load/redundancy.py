"""The kind `Redundancy`: how many replicas a service is meant to have, and where they are seen."""

import re
from typing import Final

from slo.load.codes import Code
from slo.load.document import Document, name_in, opened
from slo.load.yaml import Fields, Node, Problems, did_you_mean
from slo.promql_selector import compile_selector
from slo.promql_text import QueryError, is_label_name
from slo.redundancy_model import Redundancy, Workload
from slo.selector import Selector
from slo.windows import show

WORKLOADS: Final = ("deployment", "statefulset", "daemonset")
MAX_REPLICAS: Final = 10_000
MAX_ZONES: Final = 100
MIN_FOR_S: Final = 1.0
MAX_FOR_S: Final = 7 * 86_400.0
OF_TARGETS: Final = ("targets", "zone_label", "ready", "leader", "load", "skew_above")
# As Kubernetes names things (RFC 1123), and namespaces.
NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?", re.ASCII)
NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", re.ASCII)
_URL: Final = re.compile(
    r"https?://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(:[0-9]{1,5})?(/[^\s?#]*)?", re.ASCII
)


def read(node: Node, problems: Problems) -> Redundancy | None:
    """A `Redundancy` document. A kubeconfig that it names stands relative to its own file."""
    before = len(problems.errors)
    with opened(node, problems) as document:
        redundancy = _redundancy(document)
    return redundancy if len(problems.errors) == before else None


def _redundancy(document: Document) -> Redundancy:
    spec, default = document.spec, Redundancy("", "")
    expected = _count(spec, "expected")
    workload = _workload(spec)
    if workload is not None:
        for key in OF_TARGETS:
            spec.refuse(key, "is read of scraped targets: not with `kubernetes`", Code.CONFLICT)
    on_targets = workload is None
    return Redundancy(
        name=document.name,
        service=name_in(spec, "service"),
        expected=expected,
        minimum=_minimum(spec, expected),
        zones=_zones(spec, default.zones, expected),
        zone_label=_zone_label(spec, default.zone_label) if on_targets else default.zone_label,
        for_s=_for(spec, default.for_s),
        skew_above=_skew_above(spec) if on_targets else None,
        targets=_targets(spec) if on_targets else {},
        ready=_selector(spec, "ready") if on_targets else None,
        leader=_selector(spec, "leader") if on_targets else None,
        load=_selector(spec, "load") if on_targets else None,
        workload=workload,
        mark=document.mark,
    )


def _count(spec: Fields, key: str) -> int | None:
    if spec.node_of(key, required=False) is None:
        return None
    before = len(spec.problems.errors)
    count = spec.integer(key, 1, at_least=1, at_most=MAX_REPLICAS)
    return count if len(spec.problems.errors) == before else None


def _minimum(spec: Fields, expected: int | None) -> int | None:
    minimum = _count(spec, "minimum")
    if minimum is not None and expected is not None and minimum > expected:
        message = (
            f"`{spec.where}.minimum` is {minimum} and only {expected} are `expected`: it would "
            "never be reached"
        )
        spec.problems.error(spec.mark("minimum"), message, Code.OUT_OF_BOUNDS)
    return minimum


def _zones(spec: Fields, default: int, expected: int | None) -> int:
    zones = spec.integer("zones", default, at_least=1, at_most=MAX_ZONES)
    if expected is not None and zones > expected:
        message = f"`{spec.where}.zones` is {zones}: {expected} replicas can't be in so many"
        spec.problems.error(spec.mark("zones"), message, Code.OUT_OF_BOUNDS)
    return zones


def _zone_label(spec: Fields, default: str) -> str:
    label = spec.text("zone_label", default)
    if not is_label_name(label):
        _no_label(spec, "zone_label", label)
    return label


def _for(spec: Fields, default_s: float) -> float:
    seconds = spec.duration("for", default_s)
    if seconds and not MIN_FOR_S <= seconds <= MAX_FOR_S:
        bounds = f"{show(MIN_FOR_S)} to {show(MAX_FOR_S)}"
        message = f"`{spec.where}.for` is {show(seconds)}; it must be {bounds}"
        spec.problems.error(spec.mark("for"), message, Code.OUT_OF_BOUNDS)
    return seconds


def _skew_above(spec: Fields) -> float | None:
    """The largest share is never under the mean, so 1 is always reached."""
    if spec.node_of("skew_above", required=False) is None:
        return None
    if spec.node_of("load", required=False) is None:
        message = f"missing key `{spec.where}.load`: `skew_above` is about how it is shared"
        spec.problems.error(spec.mark("skew_above"), message, Code.MISSING_KEY)
    return spec.number("skew_above", 0.0, above=1.0, at_most=float(MAX_REPLICAS))


def _targets(spec: Fields) -> dict[str, str]:
    labels = spec.labels("targets")
    for label in labels:
        if not is_label_name(label):
            _no_label(spec, "targets", label)
    return labels


def _no_label(spec: Fields, key: str, label: str) -> None:
    message = f"`{spec.where}.{key}`: `{label}` is no label name: use letters, digits and `_`"
    spec.problems.error(spec.mark(key), message, Code.BAD_NAME)


def _selector(spec: Fields, key: str) -> Selector | None:
    node = spec.node_of(key, required=False)
    before = len(spec.problems.errors)
    text = spec.text(key) if node is not None else ""
    if node is None or len(spec.problems.errors) > before:
        return None
    try:
        return compile_selector(text)
    except QueryError as error:
        mark = node.mark if error.offset is None else node.mark_at(error.offset)
        spec.problems.error(mark, f"`{spec.where}.{key}`: {error.message}", error.code)
        return None


# -- kubernetes -------------------------------------------------------------------------------


def _workload(spec: Fields) -> Workload | None:
    with spec.maybe_map("kubernetes") as said:
        if said is None:
            return None
        kind, name = _kind_and_name(said)
        return Workload(
            kind=kind,
            namespace=_named(said, "namespace", NAMESPACE),
            name=name,
            lease=_named(said, "lease", NAME, required=False),
            api_server=_api_server(said),
            kubeconfig_file=_kubeconfig_file(said),
        )


def _kind_and_name(said: Fields) -> tuple[str, str]:
    text = said.text("workload")
    kind, slash, name = text.partition("/")
    if not text or (kind in WORKLOADS and NAME.fullmatch(name)):
        return kind, name
    if slash and kind not in WORKLOADS:
        known = f"one of {', '.join(WORKLOADS)}"
        wrong = f"`{kind}` is no workload; it must be {known}{did_you_mean(kind, WORKLOADS)}"
    elif name:
        wrong = f"`{name}` is no name in Kubernetes: use a-z, 0-9, `-` and `.`"
    else:
        wrong = f"`{text}` must be a kind and a name, such as deployment/checkout"
    said.problems.error(said.mark("workload"), f"`{said.where}.workload`: {wrong}", Code.BAD_NAME)
    return kind, name


def _named(said: Fields, key: str, form: re.Pattern[str], *, required: bool = True) -> str:
    if not required and said.node_of(key, required=False) is None:
        return ""
    name = said.text(key)
    if name and not form.fullmatch(name):
        message = f"`{said.where}.{key}`: `{name}` is no name in Kubernetes: use a-z, 0-9 and `-`"
        said.problems.error(said.mark(key), message, Code.BAD_NAME)
    return name


def _api_server(said: Fields) -> str:
    """Not repeated where it is wrong: a password may stand in it."""
    url = said.text("api_server", "")
    if url and not _URL.fullmatch(url):
        message = f"`{said.where}.api_server` is no address: write e.g. https://10.0.0.1:6443"
        said.problems.error(said.mark("api_server"), message, Code.BAD_ADDRESS)
    return url


def _kubeconfig_file(said: Fields) -> str:
    """Relative to the folder of the document's own file."""
    name = said.text("kubeconfig_file", "")
    if name and said.has("api_server"):
        said.refuse("kubeconfig_file", "stands beside `api_server`: keep one", Code.CONFLICT)
    folder, slash, _ = said.node.mark.path.rpartition("/")
    return name if not name or name.startswith("/") else f"{folder}{slash}{name}"
