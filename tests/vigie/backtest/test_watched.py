"""What a backtest makes of a configuration, and what it warns of."""

from dataclasses import replace

from collectors.targets import Target
from histories import AVAILABILITY, BOTH, DAY_S, config_of, watch
from slo.load.codes import Code
from slo.load.yaml import Mark, Problem
from slo.spec import Component, CompositeSli, DataSource, ForeignSli, RatioKind, ServerSli, Slo
from vigie.backtest.history import Survey
from vigie.backtest.watched import warnings_of, watched

SERVER = ServerSli(RatioKind.BAD, "rate(a[5m])", "rate(b[5m])", "main")
SURVEY = Survey({"file:a": Target("a", "a:1", "", "", interval_s=120.0)}, 0.0, 1.0)


def test_all_is_measured_from_one_place() -> None:
    mean = CompositeSli(
        (
            Component("a", replace(BOTH, source="main"), 0.9, 1.0),
            Component("b", SERVER, 0.9, 1.0),
        )
    )
    slo = replace(AVAILABILITY, sli=mean)
    source, target = DataSource("main", "Prometheus", "http://a"), Target("a", "b", "", "shop")
    config = replace(config_of(watch(slo)), sources={"main": source}, targets={target.id: target})
    found = watched(config)
    assert not found.sources
    assert not found.targets
    (one,) = found.watches.values()
    assert isinstance(one.slo.sli, CompositeSli)
    first, second = (part.sli for part in one.slo.sli.components)
    assert first == BOTH
    assert isinstance(second, ForeignSli)


def test_what_can_not_be_replayed_and_what_is_scraped_too_rarely_is_said() -> None:
    quick = watch(replace(AVAILABILITY, window_s=DAY_S * 30))
    server = watch(Slo("shop", "server", 0.99, DAY_S, SERVER))
    problems = [
        Problem(Mark("a.yaml", 1, 1), "nobody is told", warning=True, code=Code.NOBODY_TOLD),
        Problem(Mark("a.yaml", 2, 1), "capped", warning=True, code=Code.UNREACHABLE),
    ]
    config = replace(config_of(quick, server), warnings=tuple(problems))
    said = warnings_of(config, SURVEY)
    assert said[0] == "a.yaml:2:1: warning[V402] capped"
    assert said[1].startswith("SLO `shop/server` can't be replayed: its query is evaluated by")
    assert said[2] == (
        "SLO `shop/availability`: the history has a scrape every 2m, so the short windows of "
        "`page-1h-5m` hold fewer than 4"
    )
