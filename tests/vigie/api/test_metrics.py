"""What stands on /metrics."""

import asyncio
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

from components import need
from fleet import BROKEN, Site, burn_signal, live
from slo import names
from vigie.api import metrics
from vigie.store.errors import Unavailable

Value = Callable[..., float | None]


async def samples(site: Site) -> Value:
    """Looks up the one sample with this name and these labels; None when it is absent."""
    text = (await site.get("/metrics")).text
    found: dict[tuple[str, frozenset[Any]], float] = {
        (s.name, frozenset(s.labels.items())): s.value
        for family in prometheus(text)
        for s in family.samples
    }
    return lambda name, **labels: found.get((name, frozenset(labels.items())))


async def test_an_slo_shows_objective_sli_budget_burn_and_alerts(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    value = await samples(site)
    of = {"service": "checkout", "slo": "availability"}
    assert value(names.SLO_OBJECTIVE_RATIO, **of) == 0.999
    assert value(names.SLO_WINDOW_SECONDS, **of) == 2_592_000
    assert value(names.SLI_RATIO, **of, window="30d") == 0.9982
    assert value(names.SLI_GOOD_TOTAL, **of) == 998_200
    assert value(names.SLI_TOTAL, **of) == 1_000_000
    assert value(names.SLO_COVERAGE_RATIO, **of, window="30d") == 1.0
    assert value(names.ERROR_BUDGET_REMAINING_RATIO, **of) == pytest.approx(-0.8)
    assert value(names.BURN_RATE, **of, window="1h") == pytest.approx(180)
    assert value(names.ALERT_STATE, **of, arm="page-1h-5m", kind="page") == 1
    assert value(names.ALERT_STATE, **of, arm="ticket-3d-6h", kind="ticket") == 0
    frozen = {"service": "frontend", "slo": "availability", "arm": "page-1h-5m", "kind": "page"}
    assert value(names.ALERT_STATE, **frozen) == 2


async def test_what_is_unknown_is_absent(site: Site) -> None:
    value = await samples(site)
    of = {"service": "payments", "slo": "availability"}
    assert value(names.SLI_RATIO, **of, window="30d") is None
    assert value(names.BURN_RATE, **of, window="1h") is None
    assert value(names.ERROR_BUDGET_REMAINING_RATIO, **of) is None
    assert value(names.SLO_COVERAGE_RATIO, **of, window="30d") == 0.0
    assert value(names.SERVICE_STATE, service="payments") == 4
    assert value(names.SERVICE_UP, service="payments") is None


async def test_before_the_first_tick_only_what_the_files_say_is_there(site: Site) -> None:
    site.fleet.board.now = live(None)
    value = await samples(site)
    of = {"service": "checkout", "slo": "availability"}
    assert value(names.SLO_OBJECTIVE_RATIO, **of) == 0.999
    assert value(names.SLI_TOTAL, **of) is None


async def test_services_and_targets_are_there(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    value = await samples(site)
    assert value(names.SERVICE_STATE, service="checkout") == 0
    assert value(names.SERVICE_UP, service="checkout") == 0
    assert value(names.SERVICE_UP, service="frontend") == 1
    assert value(names.DOWNTIME_SECONDS_TOTAL, service="checkout", planned="false") == 480
    assert value(names.DOWNTIME_SECONDS_TOTAL, service="checkout", planned="true") == 60
    down = {"service": "payments", "target": "payments/127.0.0.1:8103"}
    assert value(names.SCRAPE_UP, **down) == 0


async def test_incidents_pages_runs_and_jobs_are_counted(site: Site) -> None:
    value = await samples(site)
    assert value(names.INCIDENTS_OPEN, severity="SEV2", priority="P2") == 0
    assert value(names.INCIDENTS_TOTAL, type="no-data") == 0
    site.fleet.tell(site.fleet.open())
    site.fleet.open(burn_signal("frontend"))
    value = await samples(site)
    assert value(names.INCIDENTS_OPEN, severity="SEV2", priority="P2") == 2
    assert value(names.INCIDENTS_TOTAL, type="slo-burn") == 2
    assert value(names.PAGES_TOTAL, outcome="failed") == 1
    assert value(names.PAGES_TOTAL, outcome="delivered") == 1
    assert value(names.RUNBOOK_RUNS_TOTAL, result="done") == 1
    assert value(names.JOBS, state="dead") == 0
    size = value(names.DATABASE_BYTES)
    assert size is not None
    assert size > 0
    assert value("vigie_build_info", version="1.2.3") == 1


async def test_names_stand_in_the_list_of_names(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    known = {value for name, value in vars(names).items() if name.isupper()}
    text = (await site.get("/metrics")).text
    titled = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    own = {name for name in titled if not name.endswith("_created")}
    assert own - known <= {"vigie_build_info"}


def test_a_database_that_cannot_be_read_takes_only_its_own_counts_away() -> None:
    class Unreadable:
        def read(self, _: Any) -> Any:
            raise Unavailable("disk I/O error")

    assert metrics.of_store(Unreadable()) == []


async def test_prometheus_asks_for_openmetrics_and_gets_it(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    headers: Mapping[str, str] = {"Accept": "application/openmetrics-text;version=1.0.0"}
    answer = await site.get("/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert any(f.name == "vigie_sli_good" for f in openmetrics(answer.text))


@pytest.mark.system
async def test_promtool_has_no_complaint(site: Site) -> None:
    site.fleet.board.now = live(BROKEN)
    site.fleet.tell(site.fleet.open())
    promtool = await asyncio.create_subprocess_exec(
        need("promtool"), "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await promtool.communicate((await site.get("/metrics")).body)
    assert (promtool.returncode, said) == (0, b"")
