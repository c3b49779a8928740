"""How the page of a target is fetched and read, apart from where it is and when."""

from dataclasses import dataclass

from collectors.access import ANONYMOUS, HttpAccess
from collectors.relabel import Rule

PROTOCOLS = (
    "OpenMetricsText1.0.0",
    "OpenMetricsText0.0.1",
    "PrometheusText1.0.0",
    "PrometheusText0.0.4",
)


@dataclass(frozen=True, slots=True)
class Scraping:
    """The keys of a scrape config that stay with each of its targets. Limits of 0 are none."""

    access: HttpAccess = ANONYMOUS
    protocols: tuple[str, ...] = PROTOCOLS  # in order of preference
    fallback: str = ""  # the protocol where the Content-Type is missing or unknown; empty: refuse
    compressed: bool = True
    honor_labels: bool = False
    honor_timestamps: bool = True
    metric_relabel: tuple[Rule, ...] = ()
    sample_limit: int = 0  # after metric relabelling
    label_limit: int = 0
    label_name_length_limit: int = 0
    label_value_length_limit: int = 0


AS_USUAL = Scraping()
