"""SLOs as files of Sloth."""

from dataclasses import replace

import pytest

from slo.convert.model import Document
from slo.convert.sloth import to_sloth
from slo.load.marks import Problems
from slo.load.yaml import Mark
from slo.policies import DEFAULT, arms_for
from slo.promql import compile_pair, compile_ratio, compile_threshold
from slo.spec import (
    Alerting,
    ArmKind,
    BasicSli,
    Budgeting,
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
SUB = "_over_time(({})[{{{{.window}}}}:1m])"


def said(slo: Slo) -> Document:
    (file,) = to_sloth([slo], {}, {}).documents
    (entry,) = file["slos"]
    return entry


def losses(slo: Slo) -> dict[str, str]:
    return {loss.what: loss.why for loss in to_sloth([slo], {}, {}).losses}


@pytest.mark.parametrize(
    ("sli", "bad", "total"),
    [
        (SLI, 'sum(rate(r{code="500"}[{{.window}}]))', "sum(rate(r[{{.window}}]))"),
        (
            compile_pair("sum(rate(b[{{ .window }}]))", "sum(rate(r[{{.window}}]))", BAD),
            "sum(rate(b[{{ .window }}]))",
            "sum(rate(r[{{.window}}]))",
        ),
        (  # a fixed length is no window of Sloth's, and then neither is the other query's
            compile_pair("sum(increase(b[5m]))", "sum(increase(r[{{.window}}]))", BAD),
            "sum(rate(b[{{.window}}]))",
            "sum(rate(r[{{.window}}]))",
        ),
        (
            compile_pair("sum(g)", "sum(r)", GOOD, counter=True),
            "sum(rate(r[{{.window}}]))\n- (sum(rate(g[{{.window}}])) or vector(0))",
            "sum(rate(r[{{.window}}]))",
        ),
        (  # series can't be subtracted one by one, so they are summed
            compile_pair("rate(g[{{.window}}])", "rate(r[{{.window}}])", GOOD),
            "sum(rate(r[{{.window}}]))\n- (sum(rate(g[{{.window}}])) or vector(0))",
            "sum(rate(r[{{.window}}]))",
        ),
        (
            compile_pair("sum(g) # fine", "sum(a) + sum(b)", GOOD, counter=True),
            "(sum(rate(a[{{.window}}])) + sum(rate(b[{{.window}}])))"
            "\n- (sum(rate(g[{{.window}}])) or vector(0))",
            "sum(rate(a[{{.window}}])) + sum(rate(b[{{.window}}]))",
        ),
        (
            compile_pair("sum(x)", "count(x)", BAD),
            f"sum{SUB.format('sum(x)')}",
            f"sum{SUB.format('count(x)')}",
        ),
        (
            ServerSli(BAD, "a[{{.window}}]", "b[{{.window}}]", ""),
            "a[{{.window}}]",
            "b[{{.window}}]",
        ),
    ],
)
def test_events_are_bad_ones_of_all_over_any_window(sli: BasicSli, bad: str, total: str) -> None:
    entry = said(replace(SLO, sli=sli))
    assert entry["sli"] == {"events": {"error_query": bad, "total_query": total}}


@pytest.mark.parametrize(
    ("sli", "query"),
    [
        (compile_ratio("sum(rate(b[{{.window}}])) / sum(rate(r[{{.window}}]))", BAD),
            "sum(rate(b[{{.window}}])) / sum(rate(r[{{.window}}]))"),
        (compile_ratio("sum(rate(g[{{.window}}])) / sum(rate(r[{{.window}}]))", GOOD),
            "1 - (sum(rate(g[{{.window}}])) / sum(rate(r[{{.window}}]))\n)"),
        (compile_ratio("avg(x)", BAD), f"avg{SUB.format('avg(x)')}"),
        (compile_ratio("avg(x)", GOOD), f"1 - (\navg{SUB.format('avg(x)')}\n)"),
        (compile_pair("sum(x)", "count(x)", GOOD),
            f"1 - (\nsum{SUB.format('sum(x)')}\n/\nsum{SUB.format('count(x)')}\n)"),
    ],
)  # fmt: skip
def test_a_share_is_a_raw_ratio_of_errors(sli: BasicSli, query: str) -> None:
    assert said(replace(SLO, sli=sli))["sli"] == {"raw": {"error_ratio_query": query}}


def test_current_values_get_a_window_and_the_loss_says_so() -> None:
    assert "once a minute" in losses(replace(SLO, sli=compile_ratio("avg(x)", BAD)))["sli"]
    assert "sli" not in losses(SLO)


@pytest.mark.parametrize(
    ("slo", "why"),
    [
        (replace(SLO, sli=compile_threshold("lag", Op.LT, 3.0)), "no thresholds"),
        (replace(SLO, budgeting=Budgeting(Method.TIMESLICES, 0.9, 60.0)), "counts in Timeslices"),
        (replace(SLO, group_by=("path",)), "no groups"),
        (replace(SLO, sli=ForeignSli("a thing nobody knows")), "a thing nobody knows"),
        (replace(SLO, name="x"), "at least two characters"),
        (replace(SLO, sli=compile_pair("sum(r)", "sum(r)", BAD, counter=True)), "one query"),
        (replace(SLO, sli=ServerSli(BAD, "a[{{.window}}]", "b", "")), "the other hasn't"),
    ],
)
def test_what_sloth_has_no_form_for_is_left_out(slo: Slo, why: str) -> None:
    found = to_sloth([slo, SLO], {}, {})
    assert [entry["name"] for file in found.documents for entry in file["slos"]] == ["orders"]
    (loss,) = [loss for loss in found.losses if loss.whole]
    assert why in loss.why
    assert str(loss).startswith(f"slo.yaml:3:1: error: SLO `{slo.id}`: not converted: ")


def test_a_plugin_goes_back_to_sloth() -> None:
    sli = ForeignSli("a program", '{"plugin": {"id": "acme/x", "options": {"a": "b"}}}')
    plugin = {"plugin": {"id": "acme/x", "options": {"a": "b"}}}
    assert said(replace(SLO, sli=sli))["sli"] == plugin


def test_another_window_is_an_option_of_the_command_line() -> None:
    lost = losses(replace(SLO, window_s=28 * DAY_S))
    assert "--default-slo-period=28d" in lost["window_s"]


def test_a_file_holds_one_service_and_at_its_top_what_all_its_slos_carry() -> None:
    slos = [
        replace(SLO, labels={"team": "a", "tier": "1"}),
        replace(SLO, service="web", labels={"team": "b"}),
        replace(SLO, name="pay", labels={"team": "a", "tier": "2"}),
    ]
    shop, web = to_sloth(slos, {}, {}).documents
    assert list(shop) == ["version", "service", "labels", "slos"]
    assert (shop["labels"], [entry["labels"] for entry in shop["slos"]]) == (
        {"team": "a"},
        [{"tier": "1"}, {"tier": "2"}],
    )
    assert web["labels"] == {"team": "b"}
    assert list(web["slos"][0]) == ["name", "objective", "sli", "alerting"]


def test_arms_that_are_sloths_own_are_no_loss_and_others_are() -> None:
    arms = arms_for(SLO, DEFAULT, 15.0, Problems())
    pages = tuple(arm for arm in arms if arm.kind is ArmKind.PAGE)
    only_pages = replace(SLO, alerting=Alerting(arms=pages))
    assert said(only_pages)["alerting"]["ticket_alert"] == {"disable": True}
    assert set(losses(only_pages)) == {"alerting.name"}
    slower = replace(SLO, alerting=Alerting(arms=(replace(pages[0], burn_rate=10.0),)))
    assert "14.4x over 1h, 6x over 6h" in losses(slower)["alerting.arms"]


def test_sources_and_what_services_say_are_told_of_once() -> None:
    service = Service("shop", display_name="The shop")
    source = DataSource("mimir", "Mimir", "http://m")
    found = to_sloth([SLO], {"mimir": source}, {"shop": service, "web": Service("web")})
    assert [loss.what for loss in found.losses if not loss.slo] == [
        "DataSource mimir",
        "Service shop",
    ]
