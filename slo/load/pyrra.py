"""Pyrra's SLOs: the Kubernetes resource ServiceLevelObjective, which it also reads from files.

The format: https://github.com/pyrra-dev/pyrra.
"""

import json
import re
from collections.abc import Collection, Iterable
from typing import Final

from slo import promql_text
from slo.load import pyrra_arms, queries
from slo.load.codes import Code
from slo.load.document import NAME, peek
from slo.load.kubernetes import Metadata, metadata_in
from slo.load.openslo_window import MAX_ROLLING_S, MIN_S
from slo.load.percent import percent
from slo.load.pyrra_arms import SEVERITIES, TIERS, Tier
from slo.load.yaml import Fields, Node, Problems, text_of
from slo.spec import (
    Alerting,
    AlertText,
    ArmKind,
    BasicSli,
    ForeignSli,
    Format,
    MatchOp,
    RatioKind,
    SampledSli,
    Selector,
    Slo,
)
from slo.windows import show

VERSION: Final = "pyrra.dev/v1alpha1"
KIND: Final = "ServiceLevelObjective"
# The labels that name an SLO's service, the first one that is there. Pyrra knows no services.
SERVICE_LABELS: Final = ("pyrra.dev/service", "service")
_INDICATORS: Final = ("ratio", "latency", "latencyNative", "bool_gauge")
_KINDS: Final = tuple(tier.kind for tier in TIERS)
_BARE: Final = re.compile(r"\s*([a-zA-Z_:][a-zA-Z0-9_:]*\s*)?(\{.*\})?\s*", re.DOTALL)


def read(node: Node, problems: Problems) -> list[Slo] | None:
    """The one SLO of a `ServiceLevelObjective`; None when anything in it is wrong.

    Its service is its label `pyrra.dev/service`, else `service`, else its own name.
    """
    before = len(problems.errors)
    fields = Fields(node, problems)
    metadata = metadata_in(fields)
    service = _service(fields, metadata)
    with fields.map("spec") as spec:
        objective, window_s = percent(spec, "target", quoted=True), _window(spec)
        description = spec.text("description", "")
        sli, group_by = _indicator(spec)
        stated = pyrra_arms.Stated(objective, spec.mark("target"), window_s, spec.mark("window"))
        alerting = _alerting(spec, stated)
        _rules(spec)
    fields.close()
    if sli is None or len(problems.errors) > before:
        return None
    slo = Slo(
        service=service,
        name=metadata.name,
        objective=objective,
        window_s=window_s,
        sli=sli,
        group_by=group_by,
        alerting=alerting,
        description=description,
        labels=metadata.labels,
        annotations=metadata.annotations,
        format=Format.PYRRA,
        document=metadata.name,
        namespace=metadata.namespace,
        mark=node.mark,
    )
    return [slo]


def is_one_bucket(selector: Selector) -> bool:
    """Whether a selector names buckets of one edge, as Pyrra's latencies have to."""
    edges = [matcher for matcher in selector.matchers if matcher.label == "le"]
    if len(edges) != 1 or edges[0].op is not MatchOp.EQUAL:
        return False
    try:
        float(edges[0].value)
    except ValueError:
        return False
    return True


def _service(fields: Fields, metadata: Metadata) -> str:
    label = next((name for name in SERVICE_LABELS if metadata.labels.get(name)), None)
    if label is None:
        return metadata.name
    service = metadata.labels[label]
    if not NAME.fullmatch(service):
        written = peek(fields.node, "metadata", "labels", label) or fields.node
        message = f"label `{label}` names the service and `{service}` is no name: rename it"
        fields.problems.error(written.mark, message, Code.BAD_NAME)
    return service


def _window(spec: Fields) -> float:
    window_s = spec.duration("window")
    if window_s and not MIN_S <= window_s <= MAX_ROLLING_S:
        message = (
            f"a rolling window of {show(window_s)} is not served: write {show(MIN_S)} to "
            f"{show(MAX_ROLLING_S)}"
        )
        spec.problems.error(spec.mark("window"), message, Code.NOT_SERVED)
    return window_s


def _indicator(spec: Fields) -> tuple[BasicSli | None, tuple[str, ...]]:
    """The SLI, and the labels that make one SLO per set of their values."""
    with spec.map("indicator") as indicator:
        indicator.ignore(*_INDICATORS)
        stated = [key for key in _INDICATORS if indicator.has(key)]
        if len(stated) > 1:
            message = f"`{indicator.where}` states {' and '.join(stated)}: keep one of them"
            indicator.problems.error(indicator.node.mark, message, Code.CONFLICT)
        elif not stated and not indicator.names():  # else one of them is misspelt, which is said
            words = f"{', '.join(_INDICATORS[:-1])} or {_INDICATORS[-1]}"
            message = f"`{indicator.where}` says nothing: write {words}"
            indicator.problems.error(indicator.node.mark, message, Code.MISSING_KEY)
        if len(stated) != 1:
            return None, ()
        key = stated[0]
        with indicator.map(key) as fields:
            group_by = _grouping(fields)
            if key == "ratio":
                return _ratio(fields), group_by
            if key == "latency":
                return _latency(fields), group_by
            if key == "bool_gauge":
                return _bool_gauge(fields), group_by
            return _native(fields, group_by), group_by


def _grouping(fields: Fields) -> tuple[str, ...]:
    labels: dict[str, None] = {}
    for node in fields.items("grouping"):
        label = text_of(node, fields.problems, f"{fields.where}.grouping")
        if label and not promql_text.is_label_name(label):
            message = f"`{label}` is no label name: use letters, digits and `_`, no digit first"
            fields.problems.error(node.mark, message, Code.BAD_NAME)
        labels[label] = None
    return tuple(labels)


def _ratio(fields: Fields) -> BasicSli | None:
    part, total = _side(fields, "errors"), _side(fields, "total")
    if part is None or total is None:
        return None
    if part.raw.value.strip() == total.raw.value.strip():
        message = f"`{fields.where}` states one metric twice: every event is bad"
        fields.problems.warn(total.mark, message, Code.CANNOT_MATCH)
    return queries.pair(part, total, RatioKind.BAD, fields.problems, counter=True)


def _latency(fields: Fields) -> BasicSli | None:
    """The events in the bucket of one edge are good, those of the `_count` all there are."""
    part, total = _side(fields, "success"), _side(fields, "total")
    if part is None or total is None:
        return None
    events = queries.events(part, fields.problems)
    if events is None or not is_one_bucket(events.selectors[0]):
        message = (
            f"`{fields.where}.success.metric` must name one bucket by its edge, "
            'such as requests_seconds_bucket{le="0.5"}'
        )
        fields.problems.error(part.mark, message, Code.MISSING_KEY)
        return None
    return queries.pair(part, total, RatioKind.GOOD, fields.problems, counter=True)


def _bool_gauge(fields: Fields) -> BasicSli | None:
    """Each of the gauges is one sample a slice: 1 is good, 0 is bad."""
    node = _metric(fields)
    if node is None:
        return None
    part = queries.applied("sum", node, fields.problems)
    total = queries.applied("count", node, fields.problems)
    return None if part is None or total is None else SampledSli(RatioKind.GOOD, part, total)


def _native(fields: Fields, group_by: Iterable[str]) -> ForeignSli | None:
    latency_s, total = fields.duration("latency"), _side(fields, "total")
    if not latency_s or total is None:
        return None
    reason = (
        "`latencyNative` asks for native histograms, which the pages that Vigie scrapes don't "
        "hold: state a bucket of a classic one in `latency`"
    )
    message = f"{reason}; until then the SLO is unknown"
    fields.problems.warn(fields.node.mark, message, Code.UNMEASURED)
    stated = {"latency": show(latency_s), "total": {"metric": str(total.raw.value)}}
    document = {"latencyNative": {**stated, **({"grouping": list(group_by)} if group_by else {})}}
    return ForeignSli(reason, json.dumps(document, sort_keys=True))


def _side(fields: Fields, key: str) -> Node | None:
    with fields.map(key) as side:
        return _metric(side)


def _metric(fields: Fields) -> Node | None:
    """A plain selector of series, the only query that Pyrra takes."""
    before = len(fields.problems.errors)
    text, node = fields.text("metric"), fields.node_of("metric", required=False)
    if node is None or len(fields.problems.errors) > before:
        return None
    events = queries.events(node, fields.problems)
    if events is None:
        return None
    if len(events.selectors) != 1 or not _BARE.fullmatch(text):
        message = (
            f"`{fields.where}.metric` must be a plain selector, such as "
            'requests_total{code="500"}: Pyrra takes no expressions'
        )
        fields.problems.error(node.mark, message, Code.NOT_ALLOWED)
        return None
    return node


def _alerting(spec: Fields, stated: pyrra_arms.Stated) -> Alerting:
    """Pyrra's arms, unless they are switched off. `absent` says nothing when it is true, as it is
    by default and as clusters write it out: whether to tell of no data is then up to the Policy.
    """
    with spec.maybe_map("alerting") as alerting:
        if alerting is None:
            return Alerting(arms=pyrra_arms.arms(stated, _KINDS, spec.problems))
        disabled, burnrates = alerting.flag("disabled", False), alerting.flag("burnrates", True)
        absent, name = alerting.flag("absent", True), alerting.text("name", "")
        if alerting.text("absentName", ""):
            _tell_ignored(alerting, "absentName")
        # A proposal to Pyrra, no key of the format: schemas don't have it.
        if alerting.has("burnRateType") and alerting.text("burnRateType") != "static":
            message = (
                f"`{alerting.where}.burnRateType` lets thresholds follow the traffic: ignored, the "
                "fixed ones of Pyrra's are taken"
            )
            alerting.problems.warn(alerting.mark("burnRateType"), message, Code.IGNORED)
        kinds, texts = _severities(alerting)
    fires = burnrates and not disabled
    return Alerting(
        arms=pyrra_arms.arms(stated, kinds, spec.problems) if fires else (),
        no_data=None if absent else False,
        name=name,
        page=texts[ArmKind.PAGE],
        ticket=texts[ArmKind.TICKET],
    )


def _severities(alerting: Fields) -> tuple[tuple[ArmKind, ...], dict[ArmKind, AlertText]]:
    """The kind of each tier's arm; and as a label of each kind of alert the severity that is
    written for every tier of it, where that is one and the same.
    """
    with alerting.maybe_map("severities") as severities:
        if severities is None:
            return _KINDS, dict.fromkeys(ArmKind, AlertText())
        words = [severities.text(tier.key, "") for tier in TIERS]
        kinds = tuple(
            _kind(severities, tier, word) for tier, word in zip(TIERS, words, strict=True)
        )
        if severities.text("absent", ""):
            _tell_ignored(severities, "absent")
    written = {
        kind: {w for w, k in zip(words, kinds, strict=True) if k is kind} for kind in ArmKind
    }
    return kinds, {kind: AlertText(_label(found)) for kind, found in written.items()}


def _kind(severities: Fields, tier: Tier, word: str) -> ArmKind:
    """The kind of arm that a severity asks for; empty, the tier's own."""
    kind = SEVERITIES.get(word.lower())
    if word and kind is None:
        message = (
            f"`{severities.where}.{tier.key}` is `{word}`, which doesn't say whether to page: "
            f"taken for a {tier.kind}, as Pyrra's default is"
        )
        severities.problems.warn(severities.mark(tier.key), message, Code.IGNORED)
    return kind or tier.kind


def _label(severities: Collection[str]) -> dict[str, str]:
    """The one severity, as a label; none where several, or none, are written."""
    word = next(iter(severities)) if len(severities) == 1 else ""
    return {"severity": word} if word else {}


def _rules(spec: Fields) -> None:
    """Keys that shape Pyrra's rules: each is judged, and one that asks for something is told of."""
    if spec.choice("partial_response_strategy", ("abort", "warn"), "abort") != "abort":
        _tell_ignored(spec, "partial_response_strategy")
    if spec.flag("performanceOverAccuracy", False):
        _tell_ignored(spec, "performanceOverAccuracy")
    with spec.maybe_map("ruleOutput") as output:
        if output is not None:
            output.flag("enableDescriptionAsLabel", False)
            output.labels("longRulesLabels")
            output.labels("shortRulesLabels")
            _tell_ignored(spec, "ruleOutput")


def _tell_ignored(fields: Fields, key: str) -> None:
    message = (
        f"`{fields.where}.{key}` is about the rules that Pyrra generates and says nothing about "
        "the SLO: ignored"
    )
    fields.problems.warn(fields.mark(key), message, Code.IGNORED)
