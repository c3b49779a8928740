"""Read models: plain, JSON-ready facts that the API, the pages and the CLI show alike."""

from vigie.views.discoveries import discoveries
from vigie.views.exemplars import exemplars
from vigie.views.front import overview
from vigie.views.objectives import slo, slos
from vigie.views.probes import probes
from vigie.views.records import incident, incidents, timeline
from vigie.views.reliability import service, services
from vigie.views.scraping import sources, target, targets

__all__ = [
    "discoveries",
    "exemplars",
    "incident",
    "incidents",
    "overview",
    "probes",
    "service",
    "services",
    "slo",
    "slos",
    "sources",
    "target",
    "targets",
    "timeline",
]
