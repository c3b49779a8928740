"""The reference of attachments says what the code does."""

import re

from components import ROOT
from incidents import attachments
from incidents.har import KEPT_HEADERS, MAX_ENTRIES
from vigie import uploads

DOCUMENT = (ROOT / "docs" / "reference" / "attachments.md").read_text()


def test_every_header_that_is_kept_is_named_and_no_other() -> None:
    listed = DOCUMENT.partition("Headers that are kept:")[2].partition(". Addresses")[0]
    assert tuple(re.findall(r"`([^`]+)`", listed)) == KEPT_HEADERS


def test_the_kinds_and_limits_are_those_of_the_code() -> None:
    kinds = {
        *attachments.IMAGES,
        *(getattr(attachments, k) for k in ("HAR", "JSON", "CSV", "TEXT")),
    }
    table = DOCUMENT.partition("## What is taken")[2].partition("All else")[0]
    assert set(re.findall(r"`([a-z]+/[a-z+]+)`", table)) == kinds
    for figure in (
        f"{attachments.MAX_BYTES // 10**6} MB",
        f"{attachments.MAX_HAR_BYTES // 10**6} MB as sent",
        f"{MAX_ENTRIES:,} requests",
        f"{attachments.MAX_FILES} files and {attachments.MAX_TOTAL_BYTES // 10**6} MB",
        f"{uploads.MAX_AT_ONCE} uploads",
        f"{uploads.WHOLE_S / 60:.0f} minutes",
        f"{uploads.IDLE_S:.0f} s",
    ):
        assert figure in DOCUMENT, figure
