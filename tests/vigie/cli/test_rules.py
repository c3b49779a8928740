"""`vigie slo rules`: files of rules, whole or not at all."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from components import ROOT, need

Vigie = Callable[..., Any]

EXAMPLES = ROOT / "examples"
SLO = (EXAMPLES / "slos" / "checkout.yaml").read_text()
SLOTH = """\
version: prometheus/v1
service: shop
slos:
  - name: orders
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(orders_total{code="500"}[{{.window}}]))
        total_query: sum(rate(orders_total[{{.window}}]))
    alerting:
      name: OrdersFail
"""
RESOURCE = """\
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: shop-slos, namespace: monitoring}
spec:
  service: shop
  slos:
    - name: orders
      objective: 99.9
      sli:
        events:
          errorQuery: sum(rate(orders_total{code="500"}[{{.window}}]))
          totalQuery: sum(rate(orders_total[{{.window}}]))
      alerting: {name: OrdersFail}
"""
WEEK = """\
apiVersion: sloth.slok.dev/v1
kind: AlertWindows
spec:
  sloPeriod: 7d
  page:
    quick: {errorBudgetPercent: 8, shortWindow: 5m, longWindow: 1h}
    slow: {errorBudgetPercent: 12.5, shortWindow: 30m, longWindow: 6h}
  ticket:
    quick: {errorBudgetPercent: 20, shortWindow: 2h, longWindow: 1d}
    slow: {errorBudgetPercent: 42, shortWindow: 6h, longWindow: 3d}
"""


@pytest.fixture
def sloth(tmp_path: Path) -> Path:
    path = tmp_path / "sloth.yaml"
    path.write_text(SLOTH)
    return path


def names(text: str) -> list[str]:
    return [group["name"] for group in yaml.safe_load(text)["groups"]]


def test_exact_rules_are_printed_unless_told_otherwise(vigie: Vigie) -> None:
    ran = vigie("slo", "rules", EXAMPLES)
    assert ran.status == 0
    assert ran.out.startswith("# Made by vigie slo rules, style exact;")
    assert names(ran.out) == [
        "vigie-slo-pages-checkout-availability",
        "vigie-slo-tickets-checkout-availability",
        "vigie-slo-budget-checkout-availability",
    ]


def test_an_slo_of_any_format_has_sloths_rules(vigie: Vigie, sloth: Path) -> None:
    ran = vigie("slo", "rules", sloth, EXAMPLES, "--style", "sloth", "-l", "a=1", "-l", "b=x=y")
    assert ran.status == 0
    kinds = ("sli-recordings", "meta-recordings", "alerts")
    ids = ("shop-orders", "checkout-availability")
    assert names(ran.out) == [f"sloth-slo-{kind}-{id}" for id in ids for kind in kinds]
    info = yaml.safe_load(ran.out)["groups"][1]["rules"][-1]["labels"]
    assert (info["a"], info["b"], info["sloth_version"]) == ("1", "x=y", "dev")


def test_a_resource_becomes_an_object_of_its_name(vigie: Vigie, tmp_path: Path) -> None:
    path = tmp_path / "slo.yaml"
    path.write_text(f"{RESOURCE}---\n{SLO}")
    ran = vigie("slo", "rules", path, "--format", "operator", "--style=sloth")
    metadata = [one["metadata"] for one in yaml.safe_load_all(ran.out)]
    assert [(m.get("namespace"), m["name"]) for m in metadata] == [
        ("monitoring", "shop-slos"),
        (None, "checkout"),
    ]
    assert {m["labels"]["app.kubernetes.io/managed-by"] for m in metadata} == {"sloth"}


def test_a_folder_gets_a_file_for_each_service(vigie: Vigie, sloth: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert vigie("slo", "rules", sloth, EXAMPLES, "--out", out).status == 0
    assert sorted(path.name for path in out.iterdir()) == ["checkout.yaml", "shop.yaml"]
    assert names((out / "shop.yaml").read_text())[0] == "vigie-slo-pages-shop-orders"


def test_a_file_is_replaced_whole(vigie: Vigie, tmp_path: Path) -> None:
    out = tmp_path / "rules.yaml"
    out.write_text("old")
    ran = vigie("slo", "rules", EXAMPLES, "--out", out)
    assert (ran.status, ran.out) == (0, "")
    assert len(names(out.read_text())) == 3
    assert list(tmp_path.iterdir()) == [out]


def test_nothing_is_written_when_a_spec_is_bad(vigie: Vigie, sloth: Path, tmp_path: Path) -> None:
    out = tmp_path / "rules.yaml"
    bad = tmp_path / "bad.yaml"
    bad.write_text(SLO.replace("target: 0.999", "target: 1.5"))
    ran = vigie("slo", "rules", sloth, bad, "--out", out)
    assert ran.status == 1
    assert f"{bad}:" in ran.err
    assert not out.exists()


def test_every_slo_that_sloth_has_no_form_for_is_named(vigie: Vigie, tmp_path: Path) -> None:
    service, separator, slo = SLO.partition("---\n")
    odd = [slo.replace("name: availability", f"name: {n}").replace("30d", "7d") for n in "ab"]
    (tmp_path / "odd.yaml").write_text(separator.join([service, *odd]))
    ran = vigie("slo", "rules", tmp_path, "--style", "sloth")
    assert (ran.status, ran.out) == (1, "")
    assert "`checkout/a` has no form" in ran.err
    assert "`checkout/b` has no form" in ran.err


def test_windows_and_periods_are_given_as_to_sloth(
    vigie: Vigie, sloth: Path, tmp_path: Path
) -> None:
    windows = tmp_path / "windows"
    windows.mkdir()
    (windows / "7d.yaml").write_text(WEEK)
    given = ("--default-slo-period", "7d", "--slo-period-windows-path", windows)
    ran = vigie("slo", "rules", sloth, "--style", "sloth", *given)
    assert ran.status == 0
    assert "slo:sli_error:ratio_rate1w" in ran.out
    assert "> (3.5 * " in ran.out
    assert vigie("slo", "rules", sloth, "--style", "sloth", *given[:2]).status == 1  # no windows
    (windows / "8d.yaml").write_text(WEEK.replace("kind: AlertWindows", "kind: Windows"))
    ran = vigie("slo", "rules", sloth, "--style", "sloth", *given)
    assert ran.status == 1
    assert "8d.yaml:2:7: error" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("/nowhere.yaml",),
        (EXAMPLES, "--style", "pyrra"),
        (EXAMPLES, "-l", "no"),
        (EXAMPLES, "-l", "9=x"),
        (EXAMPLES, "--default-slo-period", "28d"),
        (EXAMPLES, "--style", "sloth", "--default-slo-period", "month"),
        (EXAMPLES, "--style", "sloth", "--slo-period-windows-path", "/nowhere"),
        (EXAMPLES, "--out", "/dev/null/rules.yaml"),
    ],
)
def test_a_command_that_makes_no_sense_could_not_run(
    vigie: Vigie, arguments: tuple[object, ...]
) -> None:
    assert vigie("slo", "rules", *arguments).status == 2


@pytest.mark.system
@pytest.mark.parametrize("style", ["exact", "sloth"])
def test_promtool_takes_what_is_written(
    vigie: Vigie, sloth: Path, tmp_path: Path, style: str
) -> None:
    out = tmp_path / "rules.yaml"
    assert vigie("slo", "rules", sloth, EXAMPLES, "--style", style, "--out", out).status == 0
    command = [need("promtool"), "check", "rules", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_runbooks_that_fit_are_named_in_pages(vigie: Vigie, tmp_path: Path) -> None:
    watch = tmp_path / "watch"
    assert vigie("init", watch).status == 0  # with a runbook `scrapes-fail` for its service
    pages = yaml.safe_load(vigie("slo", "rules", watch).out)["groups"][0]["rules"]
    runbooks = {r["annotations"].get("runbook") for r in pages if "arm" in r.get("labels", {})}
    assert runbooks == {"scrapes-fail"}
