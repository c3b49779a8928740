"""SLOs as documents of OpenSLO."""

import json
from dataclasses import replace
from datetime import datetime

import pytest

from slo.calendar import Calendar, Unit
from slo.convert import kept
from slo.convert.model import Document
from slo.convert.openslo import to_openslo
from slo.convert.openslo_alerts import shorthand
from slo.load.yaml import Mark
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
    Method,
    Op,
    RatioKind,
    ServerSli,
    Service,
    Slo,
)

DAY_S = 86_400.0
GOOD, BAD = RatioKind.GOOD, RatioKind.BAD
SLI = compile_pair('sum(r{code="500"})', "sum(r)", BAD, counter=True)
SLO = Slo("shop", "orders", 0.999, 30 * DAY_S, SLI, mark=Mark("slo.yaml", 3, 1))
PAGE = Arm("page-1h-5m", ArmKind.PAGE, 14.4, 3600.0, 300.0)


def said(slo: Slo, **sources: DataSource) -> Document:
    found = to_openslo([slo], sources, {}).documents
    (document,) = [one for one in found if one["kind"] == "SLO"]
    return document


def ratio(slo: Slo) -> Document:
    return said(slo)["spec"]["indicator"]["spec"]["ratioMetric"]


def losses(slo: Slo) -> dict[str, str]:
    return {loss.what: loss.why for loss in to_openslo([slo], {}, {}).losses}


def source(query: str) -> Document:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def test_keys_stand_in_the_order_of_the_formats_own_pages() -> None:
    slo = replace(
        SLO,
        display_name="Orders",
        description="taken",
        labels={"team": "a,b", "note": "a, b"},
        annotations={"x": "y"},
        alerting=Alerting(arms=(PAGE,)),
    )
    document = said(slo)
    assert list(document) == ["apiVersion", "kind", "metadata", "spec"]
    assert document["metadata"] == {
        "name": "orders",
        "displayName": "Orders",
        "labels": {"team": ["a", "b"], "note": "a, b"},
        "annotations": {"x": "y"},
    }
    assert list(document["spec"]) == [
        "description", "service", "indicator", "timeWindow", "budgetingMethod", "objectives",
        "alertPolicies",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sli", "metric"),
    [
        (SLI, {"counter": True, "bad": source('sum(r{code="500"})'), "total": source("sum(r)")}),
        (compile_pair("sum(up)", "count(up)", GOOD),
            {"counter": False, "good": source("sum(up)"), "total": source("count(up)")}),
        (compile_ratio("avg(x)", GOOD), {"raw": source("avg(x)"), "rawType": "success"}),
        (compile_ratio("1 - (avg(x)\n)", BAD), {"raw": source("avg(x)"), "rawType": "success"}),
        (compile_ratio("1 - (a) / (b\n)", BAD),  # the brackets don't belong together
            {"raw": source("1 - (a) / (b\n)"), "rawType": "failure"}),
        (compile_ratio("avg(x)", BAD), {"raw": source("avg(x)"), "rawType": "failure"}),
        (ServerSli(GOOD, "a", "", ""), {"raw": source("a"), "rawType": "success"}),
        (ServerSli(BAD, "a", "b", ""),
            {"counter": False, "bad": source("a"), "total": source("b")}),
    ],
)  # fmt: skip
def test_queries_are_as_they_were_written(sli: BasicSli, metric: Document) -> None:
    assert ratio(replace(SLO, sli=sli)) == metric


def test_a_threshold_is_judged_by_the_objective() -> None:
    document = said(replace(SLO, sli=compile_threshold("max(lag)", Op.LTE, 3.0)))
    assert document["spec"]["indicator"]["spec"] == {"thresholdMetric": source("max(lag)")}
    assert document["spec"]["objectives"] == [{"op": "lte", "value": 3, "target": 0.999}]


def test_a_source_is_named_with_its_type_and_has_a_document_without_secrets() -> None:
    sli = compile_pair("sum(b)", "sum(r)", BAD, "prod", counter=True)
    prod = DataSource(
        name="prod",
        type="Mimir",
        url="https://mimir",
        tenant="shop",
        headers={"X-Team": "a"},
        username="vigie",
        password_file="conf/secrets/mimir",
        interval_s=30.0,
        lag_s=60.0,
        max_samples=5,
        default=True,
        mark=Mark("conf/sources.yaml", 1, 1),
    )
    document = said(replace(SLO, sli=sli), prod=prod)
    metric = document["spec"]["indicator"]["spec"]["ratioMetric"]["bad"]["metricSource"]
    assert metric == {"metricSourceRef": "prod", "type": "Mimir", "spec": {"query": "sum(b)"}}
    (told,) = to_openslo([], {"prod": prod}, {}).documents
    assert told["spec"] == {
        "type": "Mimir",
        "connectionDetails": {
            "url": "https://mimir",
            "default": True,
            "tenant": "shop",
            "headers": {"X-Team": "a"},
            "username": "vigie",
            "password_file": "secrets/mimir",  # relative to the document, as it was written
            "interval": "30s",
            "lag": "1m",
            "max_samples": 5,
        },
    }


def test_windows_roll_or_follow_the_calendar() -> None:
    calendar = Calendar(
        1, Unit.QUARTER, datetime.fromisoformat("2026-01-01 12:00:00"), "Asia/Tokyo"
    )
    aligned = replace(SLO, window_s=90 * DAY_S, calendar=calendar)
    assert said(SLO)["spec"]["timeWindow"] == [{"duration": "30d", "isRolling": True}]
    assert said(aligned)["spec"]["timeWindow"] == [
        {
            "duration": "1Q",
            "isRolling": False,
            "calendar": {"startTime": "2026-01-01 12:00:00", "timeZone": "Asia/Tokyo"},
        }
    ]
    lengths = (30 * DAY_S, 129_600.0, 5400.0, 300.0, 90.0)
    assert [shorthand(s) for s in lengths] == ["30d", "36h", "90m", "5m", "1m30s"]


def test_a_composite_weighs_its_objectives() -> None:
    slices = Budgeting(Method.TIMESLICES, 0.95, 60.0)
    parts = (
        Component("fast", compile_threshold("lag", Op.LT, 0.5), 0.9, 1.0, slices),
        Component("right", SLI, 0.99, 2.5, slices),
    )
    spec = said(replace(SLO, sli=CompositeSli(parts)))["spec"]
    assert "indicator" not in spec
    assert spec["budgetingMethod"] == "Timeslices"
    fast, right = spec["objectives"]
    assert list(fast) == [
        "displayName", "op", "value", "target", "timeSliceTarget", "timeSliceWindow", "indicator",
        "compositeWeight",
    ]  # fmt: skip
    assert (fast["displayName"], fast["value"], fast["timeSliceWindow"]) == ("fast", 0.5, "1m")
    assert (right["compositeWeight"], right["indicator"]["metadata"]["name"]) == (
        2.5,
        "orders-right",
    )


@pytest.mark.parametrize(
    ("document", "spec"),
    [
        (  # of v1alpha, in the form of v1
            {"incremental": True, "good": {"source": "datadog", "queryType": "q", "query": "a"},
                "total": {"source": "datadog", "query": "b"}},
            {"ratioMetric": {"counter": True,
                "good": {"metricSource": {"type": "datadog",
                    "spec": {"queryType": "q", "query": "a"}}},
                "total": {"metricSource": {"type": "datadog", "spec": {"query": "b"}}}}},
        ),
        (
            {"thresholdMetric": {"source": "datadog", "query": "a"}},
            {"thresholdMetric": {"metricSource": {"type": "datadog", "spec": {"query": "a"}}}},
        ),
        (
            {"plugin": {"id": "acme/x"}},
            {"ratioMetric": {"raw": {"metricSource": {"type": "SlothPlugin",
                "spec": {"id": "acme/x"}}}, "rawType": "failure"}},
        ),
    ],
)  # fmt: skip
def test_what_can_not_be_measured_is_handed_on(document: Document, spec: Document) -> None:
    slo = replace(SLO, sli=ForeignSli("no source of ours", json.dumps(document)))
    assert said(slo)["spec"]["indicator"]["spec"] == spec
    assert ("sli" in losses(slo)) is ("incremental" not in document)


def test_each_arm_is_a_policy_with_one_condition() -> None:
    ticket = Arm("ticket-1d-1h", ArmKind.TICKET, 3.0, DAY_S, 3600.0, after_s=5400.0)
    alerting = Alerting(arms=(PAGE, ticket), no_data=True, channels=("sre",))
    slo = replace(SLO, alerting=alerting)
    page, other = said(slo)["spec"]["alertPolicies"]
    name = {"name": "orders-page-1h"}
    burn = {"kind": "burnrate", "op": "gte", "threshold": 14.4, "lookbackWindow": "1h"}
    condition = {"severity": "page", "condition": burn}
    assert page == {
        "kind": "AlertPolicy",
        "metadata": name,
        "spec": {
            "alertWhenNoData": True,
            "alertWhenBreaching": True,
            "conditions": [{"kind": "AlertCondition", "metadata": name, "spec": condition}],
            "notificationTargets": [{"targetRef": "sre"}],
        },
    }
    (stated,) = other["spec"]["conditions"]
    assert stated["spec"]["condition"]["alertAfter"] == "90m"
    lost = losses(slo)
    assert lost["alerting.arms"] == "OpenSLO has no short windows: 1h beside 1d (2h taken)"
    assert "`target: unknown`" in lost["alerting.channels"]


def test_a_kind_that_is_off_leaves_the_arms_of_the_other_written_out() -> None:
    slo = replace(SLO, alerting=Alerting(without=frozenset({ArmKind.TICKET})))
    conditions = [
        one["spec"]["conditions"][0]["spec"]["condition"]
        for one in said(slo)["spec"]["alertPolicies"]
    ]
    assert [(c["threshold"], c["lookbackWindow"]) for c in conditions] == [(14.4, "1h"), (6, "6h")]
    assert "Policy" in losses(slo)["alerting.arms"]


def test_no_alerts_are_a_policy_that_does_not_alert() -> None:
    for alerting in (Alerting(arms=()), Alerting(without=frozenset(ArmKind))):
        slo = replace(SLO, alerting=alerting)
        (policy,) = said(slo)["spec"]["alertPolicies"]
        assert policy["spec"]["alertWhenBreaching"] is False
        assert losses(slo) == {}
    assert "alertPolicies" not in said(SLO)["spec"]


def test_services_come_before_their_slos_and_sources_before_all() -> None:
    services = {"shop": Service("shop", "The shop", "sells", {"tier": "1"})}
    slos = [SLO, replace(SLO, service="web"), replace(SLO, name="pay")]
    alone = DataSource("m", "Mimir", "http://m")
    found = to_openslo(slos, {"m": alone}, services).documents
    assert [(one["kind"], one["metadata"]["name"]) for one in found] == [
        ("DataSource", "m"),
        ("Service", "shop"),
        ("SLO", "orders"),
        ("SLO", "pay"),
        ("Service", "web"),
        ("SLO", "orders"),
    ]
    assert found[1]["spec"] == {"description": "sells"}


def test_one_group_is_left_to_the_slo_that_it_is_of() -> None:
    found = to_openslo([replace(SLO, group=(("path", "/"),))], {}, {})
    assert [loss.whole for loss in found.losses] == [True]


def test_an_annotation_that_somebody_broke_is_an_annotation() -> None:
    for text in ("no json", "[]", '{"groupBy": [1]}', '{"alerting": {"page": {"labels": 1}}}'):
        slo = replace(SLO, annotations={kept.KEY: text})
        assert kept.restored(slo) == slo, text


def test_what_the_file_says_by_itself_stands_over_what_is_kept() -> None:
    whole = replace(
        SLO,
        group_by=("path",),
        namespace="prod",
        alerting=Alerting(name="Burns", page=AlertText({"a": "b"})),
    )
    slo = replace(SLO, annotations=kept.annotation(whole))
    assert kept.restored(slo) == whole
    named = replace(slo, alerting=Alerting(name="Mine"))
    assert kept.restored(named).alerting == Alerting(name="Mine", page=AlertText({"a": "b"}))
