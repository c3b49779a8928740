"""OpenSLO, Sloth and Pyrra files as one Config: sources, alerting of an SLO's own, identities."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from mutating import mutations
from slo.load.codes import Code
from slo.load.yaml import LoadError
from slo.policies import DEFAULT
from slo.spec import ArmKind, ServerSli
from vigie.config import Config, load

SOURCE = """\
apiVersion: openslo/v1
kind: DataSource
metadata: {name: prom}
spec: {type: Prometheus, connectionDetails: [{url: 'http://p'}, {interval: 2m}]}
"""
SLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: shop
  indicator:
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {SOURCE, spec: {query: 'sum(x_total{ok="1"})'}}}
        total: {metricSource: {SOURCE, spec: {query: sum(x_total)}}}
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives: [{target: 0.999}]
"""
POLICIES = """\
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: high}
      spec:
        alertWhenNoData: false
        conditions:
          - kind: AlertCondition
            metadata: {name: fast}
            spec: {severity: page, condition: {threshold: RATE, lookbackWindow: 1h}}
        notificationTargets: [{targetRef: mail}]
"""
TARGET = """\
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: mail}
spec: {target: email}
"""
SLOTH = """\
version: prometheus/v1
service: shop
slos:
  - name: NAME
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(x_total{ok="0"}[{{.window}}]))
        total_query: sum(rate(x_total[{{.window}}]))
    alerting: {name: Errors, page_alert: {disable: true}, ticket_alert: {}}
"""
ALPHA = """\
apiVersion: openslo/v1alpha
kind: SLO
metadata: {name: availability}
spec:
  service: shop
  budgetingMethod: Occurrences
  objectives:
    - ratioMetrics:
        incremental: true
        good: {source: prometheus, queryType: promql, query: 'sum(x_total{ok="1"})'}
        total: {source: prometheus, queryType: promql, query: sum(x_total)}
      target: 0.9
  timeWindows: [{unit: Day, count: 30, isRolling: true}]
"""
PYRRA = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: availability, labels: {pyrra.dev/service: shop}}
spec:
  target: "99"
  window: 2w
  indicator:
    ratio: {errors: {metric: 'x_total{ok="0"}'}, total: {metric: x_total}}
"""
EMBEDDED, ASKED = "type: Prometheus", "metricSourceRef: prom"


def _slo(source: str = EMBEDDED, policies: str = "", rate: str = "14.4") -> str:
    return SLO.replace("SOURCE", source) + policies.replace("RATE", rate)


def test_sources_are_kept_and_set_the_pace_of_what_is_measured_on_them(tmp_path: Path) -> None:
    config = _load(tmp_path, _slo(ASKED), SOURCE)
    assert {name: source.url for name, source in config.sources.items()} == {"prom": "http://p"}
    watch = config.watches["shop/availability"]
    # Four polls of two minutes: a short window of 5 min would hold two.
    assert [arm.short_s for arm in watch.arms] == [480.0, 1800.0, 7200.0, 21600.0]
    assert watch.policy is DEFAULT


def test_a_query_that_only_a_server_evaluates_needs_one(tmp_path: Path) -> None:
    hard = "query: sum(x_total)", "query: 'topk(1, increase(x_total[5m]))'"
    config = _load(tmp_path, _slo(ASKED).replace(*hard), SOURCE)
    assert isinstance(config.watches["shop/availability"].slo.sli, ServerSli)
    with pytest.raises(LoadError, match=r"11:\d+: error\[V302\] query: .* name a DataSource"):
        _load(tmp_path, _slo().replace(*hard))


def test_an_slos_own_alerting_replaces_arms_and_flags_of_the_policy(tmp_path: Path) -> None:
    watch = _load(tmp_path, _slo(policies=POLICIES), TARGET).watches["shop/availability"]
    assert [arm.name for arm in watch.arms] == ["page-1h-5m"]
    assert watch.arms[0].burn_rate == 14.4
    assert (watch.policy.alert_no_data, watch.policy.alert_resolved) == (False, True)
    assert watch.policy.min_bad == DEFAULT.min_bad


def test_the_short_window_that_nobody_wrote_holds_four_scrapes(tmp_path: Path) -> None:
    watch = _load(tmp_path, _slo(ASKED, POLICIES), TARGET, SOURCE).watches["shop/availability"]
    assert [(arm.name, arm.short_s) for arm in watch.arms] == [("page-1h-8m", 480.0)]


@pytest.mark.parametrize("kind", ["source", "target"])
def test_an_alert_of_pyrras_that_is_too_short_for_the_scrapes_looks_longer_with_a_warning(
    kind: str, tmp_path: Path
) -> None:
    source = SOURCE.replace("2m}]", "2m}, {default: true}]")
    target = (
        "{apiVersion: vigie.dev/v1, kind: Targets, metadata: {name: api}, "
        "spec: {service: shop, interval: 2m, targets: [{address: 'api:80'}]}}"
    )
    config = _load(tmp_path, PYRRA, source if kind == "source" else target)
    arms = config.watches["shop/availability"].arms
    assert [arm.name for arm in arms] == [
        "page-32m-8m", "page-3h-15m", "ticket-12h-1h", "ticket-2d-3h"
    ]  # fmt: skip
    said = [warning.message for warning in config.warnings if warning.code is Code.SHORT_WINDOW]
    assert said == [
        "arm `page-30m-3m`, which the format of SLO `shop/availability` implies, looks at 3m, "
        "which holds under 4 scrapes (one every 2m): it is `page-32m-8m` here"
    ]


def test_a_look_back_window_under_four_scrapes_is_an_error(tmp_path: Path) -> None:
    short = POLICIES.replace("lookbackWindow: 1h", "lookbackWindow: 7m")
    with pytest.raises(LoadError, match=r":23:\d+: error\[V404\] arm `page-7m-7m`"):
        _load(tmp_path, _slo(ASKED, short), TARGET, SOURCE)


def test_a_threshold_that_can_not_be_reached_is_an_error_where_it_is_written(
    tmp_path: Path,
) -> None:
    with pytest.raises(LoadError, match=r":23:59: error\[V402\] arm `page-1h-5m`"):
        _load(tmp_path, _slo(policies=POLICIES, rate="1000"), TARGET)


def test_a_target_that_no_channel_stands_for_is_a_warning(tmp_path: Path) -> None:
    warnings = [str(w) for w in _load(tmp_path, _slo(policies=POLICIES), TARGET).warnings]
    message = "warning[V502] SLO `shop/availability` notifies `mail`, and no Channel has this name"
    assert sum(message in warning for warning in warnings) == 1


def test_kinds_of_arms_that_sloth_switches_off_are_gone(tmp_path: Path) -> None:
    watch = _load(tmp_path, SLOTH.replace("NAME", "one")).watches["shop/one"]
    assert {arm.kind for arm in watch.arms} == {ArmKind.TICKET}


def test_what_can_not_be_measured_is_watched_without_arms(tmp_path: Path) -> None:
    # A window of a minute would be too short for any arm.
    text = _slo("type: Any").replace("30d", "1m")
    watch = _load(tmp_path, text).watches["shop/availability"]
    assert watch.arms == ()


REPEATED = [
    ("two formats", [_slo(), SLOTH.replace("NAME", "availability")], "b.yaml:4:5", "a.yaml:3:18"),
    ("two versions", [_slo(), ALPHA], "b.yaml:3:18", "a.yaml:3:18"),
    ("twice in one file of Sloth", [SLOTH.replace("NAME", "one") + SLOTH[SLOTH.index("  - "):]
        .replace("NAME", "one")], "a.yaml:11:5", "a.yaml:4:5"),
    ("a name that follows from another", [_slo().replace("[{target: 0.999}]",
        "[{target: 0.999}, {target: 0.9}]"), _slo().replace("availability", "availability-2")],
        "b.yaml:3:18", "a.yaml:3:18"),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "second", "first"), [r[1:] for r in REPEATED])
def test_one_id_twice_in_any_formats_is_one_error_that_names_both_places(
    texts: list[str], second: str, first: str, tmp_path: Path
) -> None:
    with pytest.raises(LoadError) as refused:
        _load(tmp_path, *texts)
    said = [str(p).replace(f"{tmp_path}/", "") for p in refused.value.problems if not p.warning]
    assert len(said) == 1
    assert said[0].startswith(f"{second}: error[V201] SLO `shop/")
    assert said[0].endswith(f"is also defined in {first}; rename or remove one")


def test_one_name_in_two_services_is_no_repetition(tmp_path: Path) -> None:
    config = _load(tmp_path, _slo(), _slo().replace("shop", "cart"))
    assert set(config.watches) == {"shop/availability", "cart/availability"}


def test_every_format_stands_beside_the_others(tmp_path: Path) -> None:
    sloth, alpha = SLOTH.replace("NAME", "two"), ALPHA.replace("name: availability", "name: c")
    pyrra = PYRRA.replace("name: availability", "name: d")
    config = _load(tmp_path, _slo(), sloth, alpha, pyrra)
    assert list(config.watches) == ["shop/availability", "shop/two", "shop/c", "shop/d"]


def test_files_without_an_slo_may_be_a_part_of_more(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"error\[V205\] there is no SLO"):
        _load(tmp_path, SOURCE)
    config = load([tmp_path], need_slo=False)
    assert list(config.sources) == ["prom"]
    assert "warning[V205] there is no SLO" in "".join(map(str, config.warnings))


@pytest.mark.parametrize("text", [SLOTH.replace("NAME", "a b"), PYRRA.replace("2w", "x")])
def test_an_slo_of_another_format_that_is_wrong_is_not_called_missing(
    text: str, tmp_path: Path
) -> None:
    with pytest.raises(LoadError) as refused:
        _load(tmp_path, text)
    assert not any("there is no SLO" in problem.message for problem in refused.value.problems)


def test_another_version_of_sloths_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"a.yaml:1:10: error\[V110\] unknown version `prometheus/"):
        _load(tmp_path, SLOTH.replace("prometheus/v1", "prometheus/v2"))


LINES = "\n---\n".join([_slo(ASKED, POLICIES), TARGET, SOURCE, ALPHA, SLOTH, PYRRA]).splitlines()
WORDS = ["", "~", "[]", "{}", "[{}]", "x", "'", "- ", ": ", "0", "-1", "1e999", "1M", "2022-13-01"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=mutations(LINES, WORDS))
def test_any_file_is_a_config_or_problems_with_codes(text: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(text)
    try:
        problems = load([tmp_path]).warnings
    except LoadError as refused:
        problems = refused.problems
        assert any(not problem.warning for problem in problems)
    assert all(problem.code != "V000" for problem in problems)


def _load(folder: Path, *texts: str) -> Config:
    """Files a.yaml, b.yaml ... of one document each."""
    for letter, text in zip("abcdef", texts, strict=False):
        (folder / f"{letter}.yaml").write_text(text)
    return load([folder])
