"""From a certificate to its signal: an incident whose date is certain before it comes."""

from datetime import UTC, datetime

from incidents.model import Certificate, IncidentType, OpenIncident, Severity, Signal, Urgency
from slo import windows


def certificate_key(certificate: Certificate) -> str:
    """The dedup key of the incident about a certificate."""
    return f"{IncidentType.CERTIFICATE_EXPIRY}:{certificate.probe}/{certificate.target}"


def certificate_signal(
    certificate: Certificate, open_: OpenIncident | None, now: float
) -> Signal | None:
    """What a certificate says; None while it is valid for long enough and no incident is open.

    Only another certificate, that is valid for longer, clears it.
    """
    left_s = certificate.expires_at - now
    soon = left_s < certificate.notice_s
    very_soon = left_s < certificate.page_s
    if not soon and not very_soon and open_ is None:
        return None
    first_s = max(certificate.notice_s, certificate.page_s)
    return Signal(
        key=certificate_key(certificate),
        type=IncidentType.CERTIFICATE_EXPIRY,
        service=certificate.service,
        slo="",
        title=_title(certificate, left_s),
        urgency=Urgency.HIGH if very_soon else Urgency.LOW,
        severity=_severity(left_s, very_soon=very_soon),
        started_at=min(certificate.expires_at - first_s, now),
        firing=soon or very_soon,
        clear=not (soon or very_soon),
        recover_after_s=0.0,
        labels={
            **certificate.labels,
            "service": certificate.service,
            "probe": certificate.probe,
            "target": certificate.target,
        },
        detail={
            "probe": certificate.probe,
            "target": certificate.target,
            "expires_at": certificate.expires_at,
        },
    )


def _severity(left_s: float, *, very_soon: bool) -> Severity:
    if left_s <= 0.0:
        return Severity.SEV2  # whoever checks certificates is turned away from now on
    return Severity.SEV3 if very_soon else Severity.SEV4


def _title(certificate: Certificate, left_s: float) -> str:
    end = datetime.fromtimestamp(certificate.expires_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    which = f"{certificate.service}: the certificate of {certificate.target}"
    if left_s <= 0.0:
        return f"{which} ended on {end}"
    return f"{which} ends in {_length(left_s)}, on {end}"


def _length(left_s: float) -> str:
    """In whole days, hours or minutes, rounded down."""
    for unit_s in (86_400, 3_600, 60):
        if left_s >= 2 * unit_s:
            return windows.show(left_s // unit_s * unit_s)
    return "under 2m"
