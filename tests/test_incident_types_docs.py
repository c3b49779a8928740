"""docs/reference/incident-types.md: its documents are read, its tables name what there is."""

import re

from components import ROOT
from incidents import load_types
from incidents.types import OF_RECORD, SELF_OPENED
from slo.load.yaml import Problems, documents

PAGE = (ROOT / "docs" / "reference" / "incident-types.md").read_text(encoding="utf-8")


def test_the_documents_say_what_the_page_says() -> None:
    problems = Problems()
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)
    one, words = documents(block, "page.yaml", problems)
    rules = load_types.read_type(one, problems)
    taxonomy = load_types.read_taxonomy(words, problems)
    assert problems.items == []
    assert rules is not None
    assert taxonomy is not None
    assert (rules.severity, rules.users[1], rules.reopen_within_s) == (2, 10_000, 14 * 86_400.0)
    assert taxonomy.categories["power"] == ()


def test_every_field_that_can_be_edited_and_every_type_is_named() -> None:
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*)", PAGE, re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert set(OF_RECORD) <= named
    assert all(f"`{name}`" in PAGE for name in SELF_OPENED)
