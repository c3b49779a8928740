"""`vigie slo backtest` and `suggest`: what they print, from a file and from a server."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from histories import T0, Record
from plugins.recorded import HOUR_S, Remembers, record
from plugins.recorded import T0 as BEGIN
from plugins.source import serving
from slo.load.yaml import LoadError
from vigie.cli.backtest import backtest
from vigie.cli.ending import CannotRun
from vigie.cli.suggest import suggest

pytestmark = pytest.mark.simulation

app = typer.Typer(pretty_exceptions_enable=False)
app.command("backtest")(backtest)
app.command("suggest")(suggest)

SPEC = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: shop
  budgetingMethod: Occurrences
  timeWindow: [{duration: 30d, isRolling: true}]
  indicator:
    metadata: {name: errors}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource:
            type: Prometheus
            spec: {query: 'sum(rate(NAME{code=~"5.."}[{{.window}}]))'}
        total:
          metricSource: {type: Prometheus, spec: {query: 'sum(rate(NAME[{{.window}}]))'}}
  objectives: [{target: 0.999}]
"""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(one) for one in arguments])


def facts(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--format", "json")
    assert result.exit_code == 0, result.output or result.exception
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "slo.yaml"
    path.write_text(SPEC.replace("NAME", "http_requests_total"))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two hours, a scrape a minute; from the hour on all of 1000 requests fail for a while."""
    made = Record()
    for turn in range(121):
        bad = 1000 if 60 <= turn < 65 else 0
        made.scrape(T0 - 20.0 + 60.0 * turn, good=1000 - bad, bad=bad)
    path = tmp_path / "data.om"
    path.write_text(made.text())
    return path


def test_one_object_an_slo_says_what_the_issue_asks_for(spec: Path, data: Path) -> None:
    found = facts("backtest", spec, "--data", data)
    (item,) = found["items"]
    names = "service slo objective window from to good total sli coverage budget_remaining alerts"
    assert {*names.split(), "incidents"} <= item.keys()
    assert (item["service"], item["slo"], item["objective"], item["window"]) == (
        "shop",
        "availability",
        0.999,
        "30d",
    )
    assert (item["from"], item["to"]) == ("2026-09-21T14:13:00.000Z", "2026-09-21T16:13:00.000Z")
    assert (item["good"], item["total"], item["sli"]) == (115_000, 120_000, 115 / 120)
    assert item["coverage"] == 1.0
    assert item["budget_remaining"] == pytest.approx(1.0 - 5 / 120 / 0.001)
    page = item["alerts"][0]
    # The first bad scrape: 1000 of the 60 000 of an hour are 16.7 times the budget.
    assert page.keys() == {
        "arm",
        "severity",
        "fired_at",
        "resolved_at",
        "burn_long",
        "burn_short",
    }
    assert (page["arm"], page["severity"]) == ("page-1h-5m", "page")
    assert page["fired_at"] == "2026-09-21T15:13:00.000Z"
    assert page["burn_long"] == pytest.approx(1 / 60 / 0.001)
    assert item["incidents"] == len(item["opened"]) == 2  # the page, then the ticket that stays
    first, second = item["opened"]
    assert (first["opened_at"], first["urgency"]) == (page["fired_at"], "high")
    assert (second["resolved_at"], second["urgency"]) == (None, "low")
    assert found["no_data"] == []
    assert (
        run("backtest", spec, "--data", data, "--format", "json").stdout
        == json.dumps(found, indent=2, ensure_ascii=False) + "\n"
    )


def test_people_get_a_table_and_what_happened(spec: Path, data: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.csv"
    known.write_text(
        "start,end,service\n"
        "2026-09-21T15:12:00Z,2026-09-21T15:20:00Z,shop\n"
        "2026-09-21T14:30:00Z,2026-09-21T14:31:00Z,shop\n"
        "2020-01-01T00:00:00Z,2020-01-01T01:00:00Z,shop\n"
        "2026-09-21T15:12:00Z,2026-09-21T15:20:00Z,shpo\n"
    )
    result = run("backtest", spec, "--data", data, "--incidents", known)
    assert result.exit_code == 0
    head, row, first, *_ = result.stdout.splitlines()
    assert head.split()[:3] == ["SLO", "OBJECTIVE", "WINDOW"]
    assert row.split()[:5] == ["shop/availability", "0.999", "30d", "95.8333%", "100.0%"]
    assert first.startswith("2026-09-21T15:13:00.000Z  shop/availability: page-1h-5m fired at 16")
    assert (
        "shop/availability: 1 of 2 known incidents paged (recall 50.0%), 1 of 1 pages right "
        "(precision 100.0%); 1m to the first page (median)"
    ) in result.stdout
    assert f"{known}:4:1: this incident lies outside of the history" in result.stderr
    assert "there is no service `shpo`; did you mean `shop`?" in result.stderr


def test_a_part_of_the_file_can_be_asked_for(spec: Path, data: Path) -> None:
    asked = ("--since", "30m", "--to", "2026-09-21T15:00:00Z", "--slice", "60s")
    (item,) = facts("backtest", spec, "--data", data, *asked)["items"]
    assert (item["from"], item["to"]) == ("2026-09-21T14:30:00.000Z", "2026-09-21T15:00:00.000Z")
    assert (item["total"], item["alerts"]) == (30_000, [])


def test_suggestions_name_an_objective_and_what_each_would_have_paged(
    spec: Path, data: Path
) -> None:
    found = facts("suggest", spec, "--data", data)
    (item,) = found["items"]
    assert item["suggested"] == 0.9  # 4.2 % failed: 58 % of its budget is left
    assert item["observed"] == {
        "windows": 1,
        "worst_sli": 115 / 120,
        "median_sli": 115 / 120,
    }
    assert {one["objective"]: one["pages"] for one in item["candidates"]}[0.999] == 1
    text = run("suggest", spec, "--data", data).stdout
    assert "shop/availability: 0.9 (now 0.999)" in text
    assert "* 0.9     budget left at worst     58%" in text


@contextmanager
def served(server: Remembers) -> Iterator[str]:
    """A server in a thread of its own, for a command that runs a loop of its own."""
    url: list[str] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(server) as address:
            url.append(address)
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    try:
        assert ready.wait(10.0)
        yield url[0]
    finally:
        over.set()
        thread.join()


def test_a_server_is_asked_for_the_same(tmp_path: Path) -> None:
    spec, data, made = tmp_path / "slo.yaml", tmp_path / "data.om", record(0.5)
    spec.write_text(
        SPEC.replace("NAME{code", 'requests_total{job="api",code').replace(
            "NAME[", 'requests_total{job="api"}['
        )
    )
    data.write_text(made.openmetrics())
    with served(Remembers(made)) as url:
        asked = ("--since", "4h", "--to", BEGIN + HOUR_S)
        from_server = facts("backtest", spec, "--prometheus", url, *asked)
    from_file = facts("backtest", spec, "--data", data, "--to", BEGIN + HOUR_S)
    assert from_server == from_file
    assert from_server["items"][0]["total"] > 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "give one of --data FILE.om and --prometheus URL"),
        (("--data", "DATA", "--prometheus", "http://a"), "give one of"),
        (("--data", "nowhere.om"), "nowhere.om: error: No such file"),
        (("--data", "SPEC"), "no # EOF"),
        (("--data", "DATA", "--slice", "7s"), "does not divide a minute"),
        (("--data", "DATA", "--to", "noon"), "--to: `noon` is no instant"),
        (("--data", "DATA", "--to", "1"), "the history begins after --to"),
        (("--data", "DATA", "--since", "long"), "--since: `long` is not a duration"),
        (("--prometheus", "main"), "`main` is neither an address nor a DataSource"),
        (("--prometheus", "http://127.0.0.1:1"), "http://127.0.0.1:1: error:"),
        (("--data", "DATA", "--incidents", "nowhere.csv"), "nowhere.csv: error: No such file"),
    ],
)
def test_what_can_not_run_says_why(
    spec: Path, data: Path, arguments: tuple[str, ...], said: str
) -> None:
    places = {"DATA": str(data), "SPEC": str(spec)}
    result = run("backtest", spec, *(places.get(one, one) for one in arguments))
    assert isinstance(result.exception, CannotRun)
    assert said in str(result.exception)


@pytest.mark.parametrize(
    ("times", "options", "says"),
    [
        ((1.76e12, 1.760000060e12), (), "1.76e+12 is no time in seconds since 1970"),
        ((-1.76e9, 1.76e9), (), "-1.76e+09 is no time in seconds since 1970"),
        ((1.76e9, 1e20), (), "1e+20 is no time in seconds since 1970"),
        ((1.76e9, 1.76e9 + 60), ("--to", "1e13"), "1e+13 is no time in seconds since 1970"),
        ((1.6e9, 1.76e9), (), "1851d are more than the 400d that are replayed: ask for a part"),
    ],
)
def test_times_that_no_replay_would_end_with_are_refused(
    spec: Path, tmp_path: Path, times: tuple[float, float], options: tuple[str, ...], says: str
) -> None:
    path = tmp_path / "odd.om"
    rows = [f'http_requests_total{{code="500"}} {value} {at!r}\n' for value, at in enumerate(times)]
    path.write_text("".join([*rows, "# EOF\n"]))
    result = run("backtest", spec, "--data", path, *options)
    assert isinstance(result.exception, CannotRun)
    assert says in str(result.exception)


def test_a_history_of_something_else_and_bad_files_are_refused(
    spec: Path, data: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.om"
    other.write_text("other_total 1 1\n# EOF\n")
    empty = tmp_path / "empty.yaml"
    empty.write_text("apiVersion: openslo/v1\nkind: Service\nmetadata: {name: a}\nspec: {}\n")
    cases = ((spec, other, "no sample of any series"), (empty, data, "there is no SLO"))
    for files, history, said in cases:
        result = run("backtest", files, "--data", history)
        assert isinstance(result.exception, CannotRun)
        assert said in str(result.exception)
    known = tmp_path / "known.yaml"
    known.write_text("- {start: 1}")
    result = run("backtest", spec, "--data", data, "--incidents", known)
    assert isinstance(result.exception, LoadError)
