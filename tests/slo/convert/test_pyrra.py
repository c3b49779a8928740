"""SLOs as resources of Pyrra."""

from dataclasses import replace

import pytest

from slo.convert.model import Document
from slo.convert.pyrra import to_pyrra
from slo.load import pyrra_arms
from slo.load.yaml import Mark, Problems
from slo.promql import compile_pair, compile_ratio, compile_threshold
from slo.spec import (
    Alerting,
    AlertText,
    ArmKind,
    BasicSli,
    Budgeting,
    CompositeSli,
    ForeignSli,
    Format,
    Method,
    Op,
    RatioKind,
    Slo,
)

DAY_S = 86_400.0
GOOD, BAD = RatioKind.GOOD, RatioKind.BAD
SLI = compile_pair('r{code="500"}', "r", BAD, counter=True)
MARK = Mark("slo.yaml", 3, 1)
SLO = Slo("shop", "orders", 0.999, 28 * DAY_S, SLI, mark=MARK, format=Format.PYRRA)
ARMS = pyrra_arms.arms(
    pyrra_arms.Stated(0.999, MARK, 28 * DAY_S, MARK), [t.kind for t in pyrra_arms.TIERS], Problems()
)


def said(slo: Slo) -> Document:
    (resource,) = to_pyrra([slo], {}, {}).documents
    return resource


def losses(slo: Slo) -> dict[str, str]:
    return {loss.what: loss.why for loss in to_pyrra([slo], {}, {}).losses}


@pytest.mark.parametrize(
    ("sli", "errors"),
    [
        (SLI, 'r{code="500"}'),
        (compile_pair('sum(rate(r{code="500"}[{{.window}}]))', "sum(rate(r[{{.window}}]))", BAD),
            'r{code="500"}'),
        (compile_pair('r{code!~"5.."}', "r", GOOD, counter=True), 'r{code=~"5.."}'),
        (compile_pair('r{code="200"}', "r", GOOD, counter=True), 'r{code!="200"}'),
        (compile_pair('sum(r) - sum(r{code=~"2.."})', "sum(r)", BAD, counter=True),
            'r{code!~"2.."}'),
    ],
)  # fmt: skip
def test_errors_are_what_the_total_has_beside_the_good_events(sli: BasicSli, errors: str) -> None:
    ratio = said(replace(SLO, sli=sli))["spec"]["indicator"]["ratio"]
    assert ratio == {"errors": {"metric": errors}, "total": {"metric": "r"}}


@pytest.mark.parametrize(
    "sli",
    [
        compile_pair('d_bucket{le="0.5"}', "d_count", GOOD, counter=True),
        compile_pair('sum(d_count) - sum(d_bucket{le="0.5"})', "sum(d_count)", BAD, counter=True),
    ],
)
def test_a_bucket_of_a_histogram_is_a_latency(sli: BasicSli) -> None:
    indicator = said(replace(SLO, sli=sli, format=Format.OPENSLO))["spec"]["indicator"]
    assert indicator == {
        "latency": {"success": {"metric": 'd_bucket{le="0.5"}'}, "total": {"metric": "d_count"}}
    }


def test_the_sum_and_the_count_of_a_gauge_are_a_bool_gauge() -> None:
    sli = compile_pair("sum(up{ job = 'a' })", "count(up{job='a'})", GOOD)
    slo = replace(SLO, sli=sli, group_by=("target",))
    gauge = {"metric": "up{ job = 'a' }", "grouping": ["target"]}
    assert said(slo)["spec"]["indicator"] == {"bool_gauge": gauge}


def test_a_native_histogram_goes_back_to_pyrra() -> None:
    native = '{"latencyNative": {"latency": "1s", "total": {"metric": "d"}, "grouping": ["a"]}}'
    slo = replace(SLO, sli=ForeignSli("native", native), group_by=("a",))
    assert said(slo)["spec"]["indicator"] == {
        "latencyNative": {"latency": "1s", "total": {"metric": "d"}, "grouping": ["a"]}
    }


@pytest.mark.parametrize(
    ("slo", "why"),
    [
        (
            replace(SLO, sli=compile_pair("sum(a) + sum(b)", "sum(r)", BAD, counter=True)),
            "adds up several",
        ),
        (replace(SLO, sli=compile_pair("g", "r", GOOD, counter=True)), "no one selector"),
        (replace(SLO, sli=compile_pair('r{a="1",b="2"}', "r", GOOD, counter=True)), "no one"),
        (replace(SLO, sli=compile_ratio("avg(x)", GOOD)), "gauges of 0 and 1"),
        (replace(SLO, sli=compile_pair("max(x)", "count(x)", GOOD)), "sum(x) and count(x)"),
        (replace(SLO, sli=compile_threshold("lag", Op.LT, 3.0)), "gauges of 0 and 1"),
        (replace(SLO, sli=CompositeSli(())), "composite"),
        (replace(SLO, sli=ForeignSli("a thing nobody knows")), "a thing nobody knows"),
        (replace(SLO, budgeting=Budgeting(Method.TIMESLICES, 0.9, 60.0)), "counts in Timeslices"),
    ],
)
def test_what_pyrra_has_no_form_for_is_left_out(slo: Slo, why: str) -> None:
    found = to_pyrra([slo, SLO], {}, {})
    assert [one["metadata"]["name"] for one in found.documents] == ["orders"]
    (loss,) = [loss for loss in found.losses if loss.whole]
    assert why in loss.why


def test_names_are_those_that_kubernetes_takes_and_never_taken_twice() -> None:
    slos = [replace(SLO, service=s, name=n) for s, n in (
        ("a", "Pay_v2"), ("b", "pay-v2"), ("c", "pay-v2"), ("b.pay-v2", "x"), ("b", "b-pay-v2"),
    )]  # fmt: skip
    found = to_pyrra(slos, {}, {})
    names = [one["metadata"]["name"] for one in found.documents]
    assert names == ["pay-v2", "b-pay-v2", "c-pay-v2", "x", "b-b-pay-v2"]
    renamed = [loss.slo for loss in found.losses if loss.what == "name"]
    assert renamed == ["a/Pay_v2", "b/pay-v2", "c/pay-v2", "b/b-pay-v2"]
    assert len(set(to_names([SLO] * 4))) == 4


def to_names(slos: list[Slo]) -> list[str]:
    return [one["metadata"]["name"] for one in to_pyrra(slos, {}, {}).documents]


@pytest.mark.parametrize(
    ("name", "labels", "told"),
    [
        ("orders", {}, {"pyrra.dev/service": "shop"}),
        ("shop", {}, {}),
        ("orders", {"service": "shop"}, {"service": "shop"}),
        ("orders", {"service": "x"}, {"pyrra.dev/service": "shop", "service": "x"}),
    ],
)
def test_a_label_names_the_service_where_nothing_else_does(
    name: str, labels: dict[str, str], told: dict[str, str]
) -> None:
    slo = replace(SLO, name=name, labels=labels)
    assert said(slo)["metadata"].get("labels", {}) == told


def test_labels_that_kubernetes_does_not_take_are_losses() -> None:
    slo = replace(SLO, labels={"team": "a,b", "a b": "c", "tier": "1"})
    assert said(slo)["metadata"]["labels"] == {"pyrra.dev/service": "shop", "tier": "1"}
    assert "labels" in losses(slo)


def test_pyrras_own_arms_need_no_word_and_no_loss() -> None:
    slo = replace(SLO, alerting=Alerting(arms=ARMS))
    assert "alerting" not in said(slo)["spec"]
    assert losses(slo) == {}
    assert "14x over 1h and 5m" in losses(SLO)["alerting.arms"]  # a Policy's are not


def test_no_arms_switch_alerting_off() -> None:
    slo = replace(SLO, alerting=Alerting(arms=()))
    assert said(slo)["spec"]["alerting"] == {"disabled": True}
    slo = replace(SLO, alerting=Alerting(arms=(), no_data=True))
    assert said(slo)["spec"]["alerting"] == {"burnrates": False}
    slo = replace(SLO, alerting=Alerting(without=frozenset(ArmKind), no_data=False))
    assert said(slo)["spec"]["alerting"] == {"disabled": True, "absent": False}


def test_severities_say_the_kinds_of_alerts_and_their_one_label() -> None:
    kinds = (ArmKind.PAGE, ArmKind.TICKET, ArmKind.TICKET, ArmKind.TICKET)
    stated = pyrra_arms.Stated(0.999, MARK, 28 * DAY_S, MARK)
    arms = pyrra_arms.arms(stated, kinds, Problems())
    slo = replace(SLO, alerting=Alerting(arms=arms))
    assert said(slo)["spec"]["alerting"] == {"severities": {"mediumBurn": "warning"}}
    texts = Alerting(arms=arms, ticket=AlertText({"severity": "info"}))
    assert said(replace(SLO, alerting=texts))["spec"]["alerting"]["severities"] == dict.fromkeys(
        ("mediumBurn", "slowBurn", "longTermBurn"), "info"
    )


def test_a_severity_that_would_make_a_ticket_of_a_page_is_a_loss() -> None:
    texts = Alerting(arms=ARMS, page=AlertText({"severity": "info"}))
    slo = replace(SLO, alerting=texts)
    assert "alerting" not in said(slo)["spec"]
    assert set(losses(slo)) == {"alerting.page"}
