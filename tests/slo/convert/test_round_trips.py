"""Generated SLOs, converted and read again: nothing is lost that no loss names."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from converting import differences, lost_silently, pairs, reread, slos_of
from slo.calendar import Calendar, Unit
from slo.convert import kept, text
from slo.convert.model import Converted, Converter
from slo.convert.openslo import to_openslo
from slo.convert.openslo_alerts import short_of
from slo.convert.pyrra import to_pyrra
from slo.convert.sloth import to_sloth
from slo.load import pyrra_arms
from slo.load.yaml import Mark, Problems
from slo.policies import arm_name
from slo.promql import compile_pair, compile_ratio, compile_threshold
from slo.spec import (
    Alerting,
    AlertText,
    Arm,
    ArmKind,
    BasicSli,
    Budgeting,
    Component,
    CompositeSli,
    DataSource,
    ForeignSli,
    Format,
    Method,
    Op,
    RatioKind,
    ServerSli,
    Slo,
)

CONVERTERS: Mapping[str, Converter] = {
    "openslo": to_openslo,
    "sloth": to_sloth,
    "pyrra": to_pyrra,
}
SOURCES = {"mimir": DataSource("mimir", "Mimir", "https://mimir.example.org", tenant="shop")}
D = 86_400.0
MARK = Mark("slo.yaml", 1, 1)
FOREIGN = {
    "ratioMetric": {
        "good": {"metricSource": {"spec": {"query": "q"}, "type": "Any"}},
        "total": {"metricSource": {"spec": {"query": "q"}, "type": "Any"}},
    }
}

words = st.text("abz-é\"'#: ", min_size=1, max_size=8).map(lambda s: f"x{s.strip()}y")
texts = st.dictionaries(
    st.sampled_from(("team", "severity", "repo", "example.org/runbook")),
    st.one_of(words, st.sampled_from(("page", "warning", "org/repo", "2", "no", "a,b"))),
    max_size=3,
)
kinds = st.sampled_from(RatioKind)
maybe = st.sampled_from((None, True, False))


@st.composite
def selectors(draw: st.DrawFn) -> tuple[str, str]:
    """A part and the total that it is of."""
    job = draw(st.sampled_from(("", 'job="shop"', 'job!="x"')))
    op, value = draw(
        st.sampled_from((("=", "500"), ("!=", "200"), ("=~", "5.."), ("!~", "5..|429"), ("=", "")))
    )
    inner = ",".join(one for one in (job, f'code{op}"{value}"') if one)
    histogram = draw(st.integers(0, 3)) == 0
    if histogram:
        edges = ",".join(one for one in (job, 'le="0.5"') if one)
        return f"lat_bucket{{{edges}}}", f"lat_count{{{job}}}" if job else "lat_count"
    return f"req_total{{{inner}}}", f"req_total{{{job}}}" if job else "req_total"


@st.composite
def counting(draw: st.DrawFn) -> BasicSli:
    part, total = draw(selectors())
    form = draw(
        st.sampled_from(
            (
                "{}",
                "sum({})",
                "sum(rate({}[{{{{.window}}}}]))",
                "sum(\n  increase({}[{{{{ .window }}}}])\n) or vector(0)",
                "sum(rate({}[5m]))",
                "sum(rate({}[{{{{.window}}}}])) + sum(rate({}[{{{{.window}}}}]))",
            )
        )
    )
    one, all_ = (
        form.replace("{}", name).replace("{{{{", "{{").replace("}}}}", "}}")
        for name in (part, total)
    )
    return compile_pair(one, all_, draw(kinds), draw(st.sampled_from(("", "mimir"))), counter=True)


@st.composite
def ratios(draw: st.DrawFn) -> BasicSli:
    part, total = draw(selectors())
    query = f"sum(rate({part}[{{{{.window}}}}])) / sum(rate({total}[{{{{.window}}}}]))"
    form = draw(
        st.sampled_from(
            (
                "{}",
                "1 - {}",
                "1 - (\n  {}\n)\n",
                "avg(share)",
                "1 - avg_over_time(share[{{.window}}])",
            )
        )
    )
    return compile_ratio(form.replace("{}", query), draw(kinds))


sampled = st.builds(
    compile_pair,
    st.sampled_from(("sum(up)", "count(up == 1)", "up{a='b'}")),
    st.sampled_from(("count(up)", "up")),
    kinds,
) | st.builds(
    compile_pair,
    st.just("sum_over_time((count(x < 0.5))[{{.window}}:]) or vector(0)"),
    st.just("sum_over_time((count(x))[{{.window}}:])"),
    kinds,
)
thresholds = st.builds(
    compile_threshold,
    st.sampled_from(("max(lag)", "avg_over_time(lag[5m])")),
    st.sampled_from(Op),
    st.sampled_from((0.5, 200.0, 1e-7)),
)
servers = st.builds(
    ServerSli,
    kinds,
    st.sampled_from(("quantile(0.9, rate(a[{{.window}}]))", "topk(1, b)")),
    st.sampled_from(("", "quantile(0.9, rate(c[{{.window}}]))")),
    st.just("mimir"),
)
basics = st.one_of(
    counting(), counting(), counting(), ratios(), sampled, thresholds, servers,
    st.builds(ForeignSli, st.just("no source"), st.just(json.dumps(FOREIGN, sort_keys=True))),
)  # fmt: skip


@st.composite
def composites(draw: st.DrawFn) -> CompositeSli:
    parts = draw(st.lists(basics, min_size=2, max_size=3))
    budgeting = draw(budgetings)
    return CompositeSli(
        tuple(
            Component(str(number), sli, 0.99, draw(st.sampled_from((1.0, 2.5))), budgeting)
            for number, sli in enumerate(parts, 1)
        )
    )


budgetings = st.sampled_from(
    (
        *(Budgeting(),) * 4,
        Budgeting(Method.TIMESLICES, 0.95, 60.0),
        Budgeting(Method.RATIO_TIMESLICES, 0.0, 30.0),
    )
)
windows = st.sampled_from(
    (
        *((30 * D, None),) * 3,
        (28 * D, None),
        (7 * D, None),
        (36 * 3600.0, None),
        (
            30 * D,
            Calendar(1, Unit.MONTH, datetime.fromisoformat("2026-01-31 12:30:00"), "Asia/Tokyo"),
        ),
    )
)
alert_texts = st.one_of(st.just(AlertText()), st.builds(AlertText, texts, texts))


@st.composite
def arms(draw: st.DrawFn, objective: float, window_s: float) -> tuple[Arm, ...]:
    if draw(st.booleans()):
        stated = pyrra_arms.Stated(objective, MARK, window_s, MARK)
        chosen = draw(st.tuples(*[st.sampled_from(ArmKind)] * 4))
        return pyrra_arms.arms(stated, chosen, Problems())
    found = {}
    for hours in draw(st.lists(st.sampled_from((1, 2, 6, 24)), max_size=3, unique=True)):
        long_s = hours * 3600.0
        kind, rate = draw(st.sampled_from(ArmKind)), draw(st.sampled_from((1.0, 6.0, 14.4)))
        short_s = draw(st.sampled_from((short_of(long_s), 600.0)))
        name = arm_name(kind, long_s, short_s)
        found[name] = Arm(name, kind, rate, long_s, short_s, draw(st.sampled_from((0.0, 90.0))))
    return tuple(found.values())


@st.composite
def alertings(draw: st.DrawFn, objective: float, window_s: float) -> Alerting:
    own = draw(st.booleans())
    return Alerting(
        arms=draw(arms(objective, window_s)) if own else None,
        without=draw(st.frozensets(st.sampled_from(ArmKind))) if not own else frozenset(),
        no_data=draw(maybe) if own else None,
        resolved=draw(maybe) if own else None,
        channels=draw(st.sampled_from(((), ("sre",), ("sre", "ops")))) if own else (),
        name=draw(st.sampled_from(("", "BudgetBurns"))),
        both=draw(alert_texts),
        page=draw(alert_texts),
        ticket=draw(alert_texts),
    )


@st.composite
def slos(draw: st.DrawFn) -> list[Slo]:
    ids = st.tuples(
        st.sampled_from(("shop", "web-Front")), st.sampled_from(("orders", "Pay.v2", "q"))
    )
    found = draw(st.lists(ids, min_size=1, max_size=3, unique=True))
    return [draw(one_slo(service, name)) for service, name in found]


@st.composite
def one_slo(draw: st.DrawFn, service: str, name: str) -> Slo:
    sli = draw(st.one_of(basics, basics, basics, composites()))
    composite = isinstance(sli, CompositeSli)
    objective = draw(st.sampled_from((0.95, 0.99, 0.999, 0.99999)))
    if isinstance(sli, CompositeSli):
        objective = 0.99
    window_s, calendar = draw(windows)
    return Slo(
        service=service,
        name=name,
        objective=objective,
        window_s=window_s,
        sli=sli,
        calendar=calendar,
        budgeting=Budgeting() if composite else draw(budgetings),
        group_by=() if composite else draw(st.sampled_from(((), (), (), ("path", "code")))),
        alerting=draw(alertings(objective, window_s)),
        display_name=draw(st.sampled_from(("", "Orders: taken"))),
        description=draw(st.sampled_from(("", "one line", "two\nlines \n"))),
        labels=draw(texts),
        annotations=draw(texts),
        format=draw(st.sampled_from(Format)),
        document=name,
        namespace=draw(st.sampled_from(("", "", "monitoring"))),
        resource_labels=draw(st.sampled_from(({}, {"role": "rules"}))),
        mark=MARK,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("converted")


def checked(many: Sequence[Slo], convert: Converter, folder: Path) -> tuple[Converted, list[Slo]]:
    """A conversion that loses nothing silently, and the SLOs that it comes to."""
    found = convert(many, SOURCES, {})
    again = reread(found, folder)
    for before, after in pairs(many, found, again):
        assert lost_silently(before, after, found.losses) == set(), before
    return found, slos_of(again)


@pytest.mark.parametrize("to", CONVERTERS)
@settings(
    max_examples=settings().max_examples // 5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(many=slos())
def test_every_difference_is_a_loss(to: str, many: list[Slo], folder: Path) -> None:
    found, _ = checked(many, CONVERTERS[to], folder)
    assert text.stream(found.documents) == text.stream(CONVERTERS[to](many, SOURCES, {}).documents)


@settings(
    max_examples=settings().max_examples // 5,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(many=slos())
def test_openslo_leaves_no_slo_out_and_its_annotation_restores_the_rest(
    many: list[Slo], folder: Path
) -> None:
    found, again = checked(many, to_openslo, folder)
    assert not [loss for loss in found.losses if loss.whole]
    for before, after in zip(sorted(many, key=by_id), sorted(again, key=by_id), strict=True):
        assert differences(before, kept.restored(after)) <= {"alerting.arms"}  # short windows


@pytest.mark.parametrize("to", ["sloth", "pyrra"])
@settings(
    max_examples=settings().max_examples // 8,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(many=slos())
def test_a_way_over_openslo_ends_where_the_straight_one_does(
    to: str, many: list[Slo], folder: Path
) -> None:
    straight = CONVERTERS[to](many, {}, {})
    assume(straight.documents)
    _, middle = checked(many, to_openslo, folder)
    order = {slo.id: place for place, slo in enumerate(many)}
    middle.sort(key=lambda slo: order[slo.id])
    assert documents_without_alerts(CONVERTERS[to](middle, {}, {})) == documents_without_alerts(
        straight
    )


def by_id(slo: Slo) -> str:
    return slo.id


def documents_without_alerts(found: Converted) -> list[object]:
    """Alerts may differ by the short windows that OpenSLO doesn't say."""
    return [
        json.loads(json.dumps(one, default=str), object_hook=_no_alerts) for one in found.documents
    ]


def _no_alerts(mapping: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in mapping.items() if key != "alerting"}
