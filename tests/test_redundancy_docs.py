"""docs/reference/redundancy.md: its documents mean what they say, its numbers are ours."""

import re

import pytest

from components import ROOT
from slo.load import redundancy
from slo.load.yaml import Problems, documents
from slo.redundancy import DOWN_AFTER_S, STEADY_S, Redundancy, RedundancyState, Workload
from slo.redundancy_model import MAX_NAMES
from slo.selector import Selector
from slo.windows import show

PAGE = (ROOT / "docs" / "reference" / "redundancy.md").read_text(encoding="utf-8")
DOCUMENTS = {
    "checkout": Redundancy(
        "checkout",
        "checkout",
        expected=3,
        minimum=2,
        zones=2,
        targets={"job": "shop"},
        ready=Selector("shop_ready"),
        load=Selector("http_requests_total"),
        skew_above=2.0,
    ),
    "etcd": Redundancy(
        "etcd",
        "etcd",
        expected=3,
        minimum=2,
        for_s=300.0,
        targets={"job": "etcd"},
        ready=Selector("etcd_server_has_leader"),
        leader=Selector("etcd_server_is_leader"),
    ),
    "orders": Redundancy(
        "orders",
        "orders",
        zones=2,
        workload=Workload("deployment", "shop", "orders", "orders-leader"),
    ),
}


def test_every_document_of_the_page_is_read() -> None:
    problems = Problems()
    blocks = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    nodes = [node for block in blocks for node in documents(block, "page.yaml", problems)]
    assert [redundancy.read(node, problems) for node in nodes] == list(DOCUMENTS.values())
    assert problems.items == []


@pytest.mark.parametrize("state", list(RedundancyState))
def test_every_state_is_explained(state: RedundancyState) -> None:
    assert re.search(rf"^\| `{state.name.lower()}` \|", PAGE, re.M)


def test_its_numbers_are_those_of_the_code() -> None:
    assert f"down and lacking something for {DOWN_AFTER_S:.0f}s" in PAGE
    assert f"fails again within {show(STEADY_S)}" in PAGE
    assert f"the first {MAX_NAMES}" in PAGE
    bounds = f"{show(redundancy.MIN_FOR_S)} to {show(redundancy.MAX_FOR_S)}"
    assert f"| `for` | {show(Redundancy('', '').for_s)} | how long it may be at risk" in PAGE
    assert bounds in PAGE
    assert f"1 to {redundancy.MAX_REPLICAS}" in PAGE
