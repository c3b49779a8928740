"""Limits of a page: over one of them it is refused as a whole, as Prometheus does."""

from collections.abc import Iterable, Mapping

from collectors.errors import ExpositionError
from collectors.labels import NAME
from collectors.lines import shortened
from collectors.scraping import Scraping


def limits_labels(scraping: Scraping) -> bool:
    """Whether the labels of a series are limited at all."""
    return bool(
        scraping.label_limit
        or scraping.label_name_length_limit
        or scraping.label_value_length_limit
    )


def check_samples(scraping: Scraping, samples: int) -> None:
    """Refuse a page with more sample lines, after metric relabelling, than are allowed."""
    if 0 < scraping.sample_limit < samples:
        raise ExpositionError(f"over sample_limit: {samples} of {scraping.sample_limit}")


def check_labels(scraping: Scraping, metric: str, labels: Mapping[str, str]) -> None:
    """Refuse a series with too many or too long labels, those of its target included.

    The name of the metric is a label like any other, and lengths are bytes: so Prometheus counts
    (scrape/scrape.go, verifyLabelLimits).
    """
    if not limits_labels(scraping):
        return
    whole = {NAME: metric, **labels}
    found = (
        ("label_limit", len(whole), scraping.label_limit),
        ("label_name_length_limit", _longest(whole), scraping.label_name_length_limit),
        ("label_value_length_limit", _longest(whole.values()), scraping.label_value_length_limit),
    )
    for key, size, limit in found:
        if 0 < limit < size:
            raise ExpositionError(f"over {key}: {size} of {limit} ({shortened(metric, 50)})")


def _longest(texts: Iterable[str]) -> int:
    return max(len(text.encode()) for text in texts)
