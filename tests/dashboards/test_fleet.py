"""The fleet dashboard: valid for Grafana, honest about missing data, over metrics that exist."""

import json
import re
import string
import subprocess
from itertools import combinations
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from components import need
from dashboards.build import build, dashboards, text
from dashboards.fleet import fleet
from dashboards.panels import expressions, queries
from slo import names

GOLDEN = Path(__file__).parent / "golden"
METRICS = {value for value in vars(names).values() if str(value).startswith("vigie_")}
UNITS = {"none", "percentunit", "dtdurations", "reqps", "s", "short"}
BUILT_IN = {"__range", "__rate_interval", "__interval"}


@pytest.fixture(params=dashboards(), ids=lambda d: str(d["uid"]))
def dashboard(request: pytest.FixtureRequest) -> dict[str, Any]:
    """As Grafana reads it."""
    return json.loads(text(request.param))


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    return dashboard["panels"]


def test_the_fleet_dashboard_is_the_golden_one(golden) -> None:
    golden(GOLDEN / "vigie-fleet.json", text(fleet()))


def test_building_twice_writes_the_same_bytes(tmp_path: Path) -> None:
    (first,), (second,) = build(tmp_path / "a"), build(tmp_path / "b" / "c")
    assert first.name == "vigie-fleet.json"
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes().endswith(b"}\n")


def test_uids_are_unique_and_short_enough_for_grafana() -> None:
    uids = [str(d["uid"]) for d in dashboards()]
    assert len(uids) == len(set(uids))
    assert all(re.fullmatch(r"[a-z0-9-]{1,40}", uid) for uid in uids)


def test_it_is_new_to_grafana_and_not_edited_there(dashboard: dict[str, Any]) -> None:
    assert dashboard["id"] is None
    assert dashboard["schemaVersion"] == 42
    assert dashboard["editable"] is False
    assert "__inputs" not in dashboard


def test_every_panel_says_what_it_shows_and_what_it_says_without_data(
    dashboard: dict[str, Any],
) -> None:
    for panel in panels(dashboard):
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["title"]
        assert panel["description"].endswith(".")
        assert panel["targets"]
        assert defaults["noValue"]
        assert defaults["unit"] in UNITS
        assert defaults["thresholds"]["steps"][0]["value"] is None


def test_panels_have_ids_of_their_own_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in panels(dashboard)]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in panels(dashboard)]
    assert all(p["x"] >= 0 and p["x"] + p["w"] <= 24 and p["h"] > 0 for p in places)
    for one, other in combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below


def test_the_data_source_is_the_reader_s_choice_everywhere(dashboard: dict[str, Any]) -> None:
    sources = re.findall(r'"datasource": (\{.+?"\})', json.dumps(dashboard))
    assert len(sources) > len(panels(dashboard))
    assert set(sources) == {'{"type": "prometheus", "uid": "${datasource}"}'}


def test_variables_are_defined_used_and_match_any_label_value(dashboard: dict[str, Any]) -> None:
    variables = {v["name"]: v for v in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"])))
    assert used - BUILT_IN == set(variables)
    for variable in variables.values():
        if variable["type"] == "query":
            assert (variable["multi"], variable["allValue"]) == (True, ".+")
            assert variable["refresh"] == 2  # on a change of the time range


def test_every_expression_is_promql_over_metrics_that_vigie_has(dashboard: dict[str, Any]) -> None:
    for expression in expressions(dashboard):
        promql_parser.parse(expression)
        asked = set(re.findall(r"vigie_\w+", expression))
        assert asked
        assert asked <= METRICS


def test_variables_ask_for_metrics_that_vigie_has(dashboard: dict[str, Any]) -> None:
    for variable in dashboard["templating"]["list"]:
        assert set(re.findall(r"vigie_\w+", str(variable["query"]))) <= METRICS


def test_counters_are_only_read_as_rates(dashboard: dict[str, Any]) -> None:
    for query in queries(dashboard):
        for before, _ in re.findall(r"(\w+\()?(vigie_\w+_total)\b", query):
            assert before in {"rate(", "increase("}


def test_rates_follow_the_resolution_that_is_drawn(dashboard: dict[str, Any]) -> None:
    for query in queries(dashboard):
        assert set(re.findall(r"\[(.+?)\]", query)) <= {"$__rate_interval", "$__range"}


def test_counts_of_what_is_wrong_are_zero_when_nothing_is(dashboard: dict[str, Any]) -> None:
    counts = [p for p in panels(dashboard) if p["type"] == "stat" and p["title"] != "SLOs"]
    assert counts
    assert all(p["targets"][0]["expr"].endswith(" or vector(0)") for p in counts)


def test_a_timeline_draws_no_state_over_a_gap(dashboard: dict[str, Any]) -> None:
    for panel in panels(dashboard):
        if panel["type"] in {"timeseries", "state-timeline"}:
            custom = panel["fieldConfig"]["defaults"]["custom"]
            assert custom["insertNulls"]
            assert custom["spanNulls"] is False


def test_columns_of_a_table_are_named_and_drawn_once_each(dashboard: dict[str, Any]) -> None:
    for panel in (p for p in panels(dashboard) if p["type"] == "table"):
        renames = panel["transformations"][1]["options"]["renameByName"]
        values = {f"Value #{ref}" for ref in string.ascii_uppercase[: len(panel["targets"])]}
        overrides = [o["matcher"]["options"] for o in panel["fieldConfig"]["overrides"]]
        assert values == {name for name in renames if name.startswith("Value")}
        assert sorted(overrides) == sorted(renames[value] for value in values)


def test_the_filled_in_range_can_be_chosen() -> None:
    asked = expressions(fleet(), {"__range": "90s", "service": "checkout"})
    assert any("[90s]" in expression for expression in asked)
    assert not any("$" in expression for expression in asked)
    assert 'service=~"checkout"' in asked[0]


@pytest.mark.system
def test_promtool_takes_every_expression(tmp_path: Path) -> None:
    rules = [
        {"record": f"expression:{number}", "expr": expression}
        for number, expression in enumerate(expressions(fleet()))
    ]
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "fleet", "rules": rules}]}))
    done = subprocess.run(
        [need("promtool"), "check", "rules", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout + done.stderr
