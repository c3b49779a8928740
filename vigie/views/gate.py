"""The deploy gate of a service as every reader sees it, and the overrides that there were."""

from slo.gate import Gate, Override, Reason, Subject, verdict
from vigie.live import Live
from vigie.store import gate as store
from vigie.store.db import Database
from vigie.views.shape import Object, listing, when


def gate(live: Live, db: Database, service: str, now: float) -> Object | None:
    """The gate of a service now; None if there is no such service."""
    if service not in live.config.services:
        return None
    overrides = db.read(lambda c: store.in_force(c, service, now))
    answer = verdict(_subjects(live, service), overrides, now)
    return _shown(service, answer, now)


def overrides(
    live: Live, db: Database, service: str, before: int | None, limit: int
) -> Object | None:
    """Every override of a service that there ever was, newest first; None if no such service."""
    if service not in live.config.services:
        return None
    found = db.read(lambda c: store.page(c, service, before=before, limit=limit + 1))
    following = str(found[limit - 1].id) if len(found) > limit else None
    return listing([_override(one) for one in found[:limit]], following)


def _subjects(live: Live, service: str) -> list[Subject]:
    """The SLOs of a service in the order of their ids."""
    status = live.status
    watches = sorted(
        (watch for watch in live.config.watches.values() if watch.slo.service == service),
        key=lambda watch: watch.slo.id,
    )
    return [
        Subject(
            watch.slo, watch.policy, status.slos.get(watch.slo.id) if status is not None else None
        )
        for watch in watches
    ]


def _shown(service: str, answer: Gate, now: float) -> Object:
    return {
        "service": service,
        "gate": "open" if answer.open else "closed",
        "state": answer.state.value,
        "reasons": [_reason(reason) for reason in answer.reasons],
        "override": _override(answer.override) if answer.override is not None else None,
        "at": when(now),
    }


def _reason(reason: Reason) -> Object:
    return {
        "state": reason.state.value,
        "passes": reason.opens,
        "slo": reason.slo,
        "action": reason.action or None,
        "text": reason.text,
    }


def _override(override: Override) -> Object:
    return {
        "id": override.id,
        "author": override.author,
        "reason": override.reason,
        "created_at": when(override.created_at),
        "expires_at": when(override.expires_at),
        "withdrawn_at": when(override.withdrawn_at),
        "withdrawn_by": override.withdrawn_by,
    }
