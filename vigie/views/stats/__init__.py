"""Analytics of incidents: how many, how fast, how well kept; definitions in
docs/reference/metrics.md.
"""

from vigie.views.stats.asked import FILTERS, Asked, By, Every, Unanswerable, asked
from vigie.views.stats.behind import Which, behind, link
from vigie.views.stats.counted import stats
from vigie.views.stats.shown import as_csv, as_markdown
from vigie.views.stats.summary import summary

__all__ = [
    "FILTERS",
    "Asked",
    "By",
    "Every",
    "Unanswerable",
    "Which",
    "as_csv",
    "as_markdown",
    "asked",
    "behind",
    "link",
    "stats",
    "summary",
]
