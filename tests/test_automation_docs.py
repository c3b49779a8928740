"""docs/reference/automations.md: its document is read, its lists are those of the code."""

import re

from components import ROOT
from incidents import load_automation
from incidents.automation import EVENTS, MOST_DEEP, MOST_IN_HOUR
from incidents.template import MAX_WORD, PLACEHOLDERS
from slo.load.yaml import Problems, documents
from vigie.views.automations import MOST_INCIDENTS, MOST_SHOWN

PAGE = (ROOT / "docs" / "reference" / "automations.md").read_text(encoding="utf-8")


def test_the_document_is_one() -> None:
    problems = Problems()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    (node,) = documents(block, "page.yaml", problems)
    found = load_automation.read(node, problems)
    assert problems.items == []
    assert found is not None
    assert [action.do for action in found.actions] == ["escalate", "page", "add_task"]


def test_every_action_and_placeholder_is_named_and_no_other() -> None:
    actions = PAGE.split("## Then")[1]
    assert set(re.findall(r"^\| `(\w+)` \|", actions, re.M)) == set(load_automation.ACTIONS)
    (line,) = re.findall(r"^Texts may hold.*$", actions, re.M)
    assert set(re.findall(r"\$\{(\w+)\}", line)) == set(PLACEHOLDERS)


def test_events_and_bounds_are_those_of_the_code() -> None:
    (line,) = re.findall(r"^`event` is one.*$", PAGE, re.M)
    assert set(re.findall(r"`(\w+)`", line)) - {"event", "automated"} <= set(EVENTS)
    assert MOST_DEEP == 3
    assert "at most three one after the other" in PAGE
    assert f"At most {MOST_IN_HOUR} runs on one incident within an hour" in PAGE
    assert f"at most {MAX_WORD} characters" in PAGE
    assert f"the {MOST_INCIDENTS:,} newest with such entries" in PAGE
    assert f"the newest {MOST_SHOWN} runs" in PAGE
    assert f"Up to {load_automation.MOST_ACTIONS} actions" in PAGE
