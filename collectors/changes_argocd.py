"""Argo CD's notifications as changes: one for every sync of an application.

What Argo CD sends is written by whoever runs it, as a template. These are read: the application
itself (`{{toJson .app}}`, alone or under `app`), flat bodies with the usual names, and the two
bodies of Argo CD's own page on webhooks, Slack's attachments and GitHub's commit status.
"""

from collections.abc import Mapping
from typing import Final

from collectors.changes import (
    Change,
    Delivery,
    Ignored,
    Integration,
    Kind,
    Status,
    UnknownPayload,
    has_ended,
)
from collectors.changes_payload import MAX_TITLE, Payload, inner, line, link, moment, seen, word

_PHASE: Final = {
    "running": Status.RUNNING,
    "terminating": Status.RUNNING,
    "succeeded": Status.SUCCEEDED,
    "failed": Status.FAILED,
    "error": Status.FAILED,
    "pending": Status.RUNNING,  # of a commit status
    "success": Status.SUCCEEDED,  # likewise
    "failure": Status.FAILED,  # likewise
}
_CONTEXT: Final = "continuous-delivery/"  # of a commit status; the application follows
# What one thing is called in flat bodies, the usual name first.
_APP: Final = ("app", "application", "name", "appName", "app_name")
_REVISION: Final = ("revision", "commit", "sha", "syncRevision", "sync_revision")
_OPERATION: Final = ("phase", "operationState", "operation_state", "syncPhase", "state", "status")
_SYNC: Final = ("syncStatus", "sync_status", "sync", "Sync Status")
_STARTED: Final = ("startedAt", "started_at")
_FINISHED: Final = ("finishedAt", "finished_at")
_URL: Final = ("url", "titleLink", "title_link", "target_url", "link")
_ACTOR: Final = ("user", "username", "initiatedBy", "actor")
_PLACE: Final = ("environment", "cluster", "namespace")


def parse(delivery: Delivery, wanted: Integration) -> Change | Ignored:
    """The change that a delivery tells of. UnknownPayload."""
    payload = delivery.payload
    for application in (payload, inner(payload, "app"), inner(payload, "application")):
        if word(application, "metadata", "name"):
            return _synced(delivery, wanted, _of_application(application), payload)
    attachments = payload.get("attachments")
    if isinstance(attachments, list) and attachments and isinstance(attachments[0], Mapping):
        return _synced(delivery, wanted, _of_attachment(attachments[0]), attachments[0])
    return _synced(delivery, wanted, payload, payload)


def _synced(
    delivery: Delivery, wanted: Integration, facts: Payload, around: Payload
) -> Change | Ignored:
    app, place = _app(facts), _first(facts, _PLACE)
    phase, sync = _first(facts, _OPERATION).lower(), _first(facts, _SYNC)
    if not app:
        raise UnknownPayload(f"{_seen(delivery)}; no application is named (`app`, `metadata.name`)")
    if wanted.environments and place not in wanted.environments:
        return Ignored(f"environment {place or '(none)'} is none of the wanted ones")
    if phase and phase not in _PHASE:
        raise UnknownPayload(f"{_seen(delivery)}; the phase is `{line(phase, 60)}`")
    if not phase and sync.lower() != "synced":
        if sync:
            return Ignored(f"application {app} is {sync}: no sync happened")
        raise UnknownPayload(f"{_seen(delivery)}; no `phase` and no `syncStatus` of {app}")
    return _change(delivery, wanted, app, _PHASE.get(phase, Status.SUCCEEDED), facts, around)


def _change(  # noqa: PLR0917 - what was found out, and where
    delivery: Delivery,
    wanted: Integration,
    app: str,
    status: Status,
    facts: Payload,
    around: Payload,
) -> Change:
    revision, began = _first(facts, _REVISION), _when(facts, _STARTED)
    ended = _when(facts, _FINISHED)
    said = (ended or delivery.at) if has_ended(status) else (began or delivery.at)
    # A sync of the same revision again is another change; only its start tells them apart.
    once = f"{revision}/{began:.3f}" if began is not None else revision or delivery.id
    return Change(
        source=wanted.name,
        id=f"sync/{app}/{once or delivery.at}",
        title=line(f"{app}: sync to {revision[:12] or 'a new revision'}", MAX_TITLE),
        kind=Kind.DEPLOY,
        status=status,
        started_at=min(began or said, said),
        finished_at=said if has_ended(status) else None,
        stated_at=said,
        subject=app,
        version=revision,
        actor=_first(facts, _ACTOR),
        url=link(facts, *((name,) for name in _URL)) or link(around, *((name,) for name in _URL)),
        environment=_first(facts, _PLACE),
        labels={
            name: value
            for name, value in (("sync", _first(facts, _SYNC)), ("health", _health(facts)))
            if value
        },
    )


def _of_application(app: Payload) -> Payload:
    """An Application as the flat facts that `_synced` reads."""
    operation = inner(app, "status", "operationState")
    revision = word(operation, "syncResult", "revision")
    revisions = inner(operation, "syncResult").get("revisions")
    if not revision and isinstance(revisions, list) and revisions:  # several sources
        revision = line(str(revisions[0]))
    return {
        "app": word(app, "metadata", "name"),
        "revision": revision or word(app, "status", "sync", "revision"),
        "phase": word(operation, "phase"),
        "syncStatus": word(app, "status", "sync", "status"),
        "healthStatus": word(app, "status", "health", "status"),
        "startedAt": word(operation, "startedAt"),
        "finishedAt": word(operation, "finishedAt"),
        "user": word(operation, "operation", "initiatedBy", "username"),
        "namespace": word(app, "spec", "destination", "namespace"),
    }


def _of_attachment(attachment: Payload) -> Payload:
    """Slack's attachment, whose fields have a title and a value each."""
    fields = attachment.get("fields")
    found = {
        word(one, "title"): word(one, "value")
        for one in (fields if isinstance(fields, list) else [])
        if isinstance(one, Mapping)
    }
    return {
        "app": word(attachment, "title"),
        "syncStatus": found.get("Sync Status", ""),
        "revision": found.get("Revision", ""),
        "url": word(attachment, "title_link"),
    }


def _app(facts: Payload) -> str:
    context = word(facts, "context")
    if context.startswith(_CONTEXT):
        return context.removeprefix(_CONTEXT)
    return _first(facts, _APP)


def _health(facts: Payload) -> str:
    return _first(facts, ("healthStatus", "health_status", "health"))


def _first(facts: Payload, names: tuple[str, ...]) -> str:
    return next((found for name in names if (found := word(facts, name))), "")


def _when(facts: Payload, names: tuple[str, ...]) -> float | None:
    return next((found for name in names if (found := moment(facts, name)) is not None), None)


def _seen(delivery: Delivery) -> str:
    return seen(delivery.event, delivery.payload)
