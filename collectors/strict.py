"""The second reading of a page: all of it, by the parsers of prometheus_client."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from collectors.errors import ExpositionError, OpenMetricsRefused
from collectors.lines import REFUSALS, Format, as_float, families, shortened


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of the page."""

    metric: str
    labels: Mapping[str, str]
    value: float


def read(body: bytes, format_: Format, metrics: Collection[str] | None) -> list[Sample]:
    """The samples of these metrics, None: of all, in page order, when all of it is well-formed.

    ExpositionError is the refusal of prometheus_client. Native histograms have no value to count
    and are left out.
    """
    try:
        return [
            Sample(sample.name, sample.labels, as_float(sample.value))
            for family in families(body.decode(), format_)
            for sample in family.samples
            if (metrics is None or sample.name in metrics) and sample.value is not None
        ]
    except UnicodeDecodeError as error:
        raise ExpositionError("the page is not UTF-8") from error
    except REFUSALS as error:
        said = shortened(str(error)) or type(error).__name__
        kind = OpenMetricsRefused if format_ is Format.OPENMETRICS else ExpositionError
        raise kind(f"malformed page: {said}") from error
