"""Read models: plain, JSON-ready facts that the API, the pages and the CLI show alike."""

from vigie.views.front import overview
from vigie.views.objectives import slo, slos
from vigie.views.records import incident, incidents, timeline
from vigie.views.reliability import services
from vigie.views.scraping import sources, targets

__all__ = [
    "incident",
    "incidents",
    "overview",
    "services",
    "slo",
    "slos",
    "sources",
    "targets",
    "timeline",
]
