"""The code of every kind of problem in a file; docs/reference/lint.md explains each."""

from enum import StrEnum
from typing import Final


class Code(StrEnum):
    """V0: the text, V1: its shape, V2: names, V3: queries, V4: numbers, V5: what will surprise."""

    UNREADABLE = "V001"  # no such file, not UTF-8, no permission
    NOT_YAML = "V002"
    TOO_LARGE = "V003"  # bytes, depth, values
    UNKNOWN_KEY = "V101"
    DUPLICATE_KEY = "V102"
    MISSING_KEY = "V103"
    WRONG_TYPE = "V104"
    NOT_ALLOWED = "V105"  # none of the words that may stand here
    OUT_OF_BOUNDS = "V106"
    EMPTY = "V107"
    BAD_NAME = "V108"
    BAD_DURATION = "V109"
    UNKNOWN_KIND = "V110"  # apiVersion or kind
    CONFLICT = "V111"  # two keys of which one may stand
    NOT_SERVED = "V112"  # understood, and not served
    BAD_TIME = "V113"  # a date, a time zone, a recurrence
    BAD_ADDRESS = "V114"  # a URL, a host:port, an e-mail address
    DUPLICATE = "V201"  # one identity twice, over all files and formats
    NO_SUCH_THING = "V202"  # a reference that leads nowhere
    TIE = "V203"  # two policies select one SLO equally
    TWO_SOURCES = "V204"  # good and total on different DataSources
    NOTHING_TO_DO = "V205"  # no SLO, no file
    NOT_PROMQL = "V301"
    OUTSIDE = "V302"  # PromQL that embedded collection doesn't evaluate
    RATE_COMPARED = "V303"  # rate() inside a comparison
    CANNOT_MATCH = "V304"  # part and total of a ratio name series that can't belong together
    NO_BUCKET = "V305"  # a bucket edge that the live histogram doesn't have
    BAD_PATTERN = "V306"
    TAIL_SAMPLED = "V307"  # over spans that a tail sampler chose
    OBJECTIVE = "V401"  # not between 0 and 1
    UNREACHABLE = "V402"  # a burn rate that the objective can't reach
    WRONG_WAY = "V403"  # an `op` that calls the bad good
    SHORT_WINDOW = "V404"  # under four scrape intervals
    LONG_WINDOW = "V405"  # an arm longer than the SLO's window
    RETENTION = "V406"  # a window longer than its source remembers
    GOOD_ABOVE_TOTAL = "V407"  # in live data
    NO_BUDGET = "V408"
    UNMEASURED = "V501"
    NOBODY_TOLD = "V502"
    NO_RUNBOOK = "V503"
    UNUSED = "V504"
    MISSPELT = "V505"  # a name close to another one
    IGNORED = "V506"  # a key that says nothing here
    TOO_MANY_GROUPS = "V507"
    OUT_OF_ORDER = "V508"  # what is worse comes later, or is given more time


# What only matters where Vigie itself watches.
SERVING: Final = (Code.UNMEASURED, Code.NOBODY_TOLD, Code.NO_RUNBOOK, Code.UNUSED)
