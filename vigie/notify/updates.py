"""Stakeholder updates as messages: who gets them, and what of an incident stands in them.

Who works on an incident gets an update as every notice about it. Others get what was written for
them and nothing else: customers neither number nor any name of ours, not even in a dedup key.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

from incidents.model import EventKind, Severity
from incidents.updates import Audience, clock
from vigie.config import Channel, Config
from vigie.notify.message import VERSION, Message, rfc3339
from vigie.notify.outbox import NOTICE
from vigie.store.jobs import Job, NewJob

Row = Mapping[str, Any]

_INSIDE: Final = (None, Audience.INTERNAL.value)


def jobs_of(update: Row, incident: Row, config: Config) -> list[NewJob]:
    """The jobs that bring an update, as it is stored, to the channels of its audience."""
    audience = Audience(update["audience"])
    customers = audience is Audience.CUSTOMER
    about = public_name(config, incident) if customers else incident["title"]
    payload = {
        "kind": NOTICE,
        "event": EventKind.UPDATE_SENT.value,
        "at": update["sent_at"],
        "text": update["text"],
        "audience": audience.value,
        "status": update["status"],
        "next_at": update["next_at"],
        "about": about,
    }
    return [
        NewJob(
            kind="notify",
            dedup=f"update:{update['id']}:{channel.name}",
            payload={"channel": channel.name, **payload},
            run_at=update["sent_at"],
            incident=incident["number"],
        )
        for channel in receivers(audience, config.channels.values())
    ]


def public_name(config: Config, incident: Row) -> str:
    """The title of an incident's service; empty where it has none, for its name is ours."""
    service = config.services.get(incident["service"])
    return "" if service is None else service.display_name


def receivers(audience: Audience, channels: Iterable[Channel]) -> list[Channel]:
    """The channels that an update for an audience goes to."""
    return [one for one in channels if audience in one.audiences and _takes(one, audience)]


def _takes(channel: Channel, audience: Audience) -> bool:
    """One that says nothing of audiences gets the internal ones as it gets notices."""
    return audience is not Audience.INTERNAL or not channel.receives or NOTICE in channel.receives


def is_for_others(payload: Row) -> bool:
    """Whether a job brings an update to people who do not work on the incident."""
    return payload.get("audience") not in _INSIDE


def withheld(payload: Row, incident: Row) -> str | None:
    """Why an update is not sent any more; None: it is."""
    if is_for_others(payload) and incident["restricted"]:
        return "restricted before it was sent"
    return None


def message(job: Job, incident: Row, base_url: str) -> Message:
    """An update for executives or customers."""
    said = job.payload
    customers = said["audience"] == Audience.CUSTOMER
    status, about = said["status"].capitalize(), said["about"] or "Our service"
    severity = Severity(int(incident["severity"])).name
    url = "" if customers else f"{base_url}/incidents/{incident['number']}"
    following = "" if said["next_at"] is None else f"Next update: {clock(said['next_at'])}"
    text = "\n\n".join(part for part in (said["text"], following, url) if part)
    return Message(
        dedup=job.dedup,
        subject=f"[{status}] {about}" if customers else f"[{severity}] {status}: {about}",
        text=f"{text}\n",
        body={
            "version": VERSION,
            "event": EventKind.UPDATE_SENT.value,
            "dedup_key": job.dedup,
            "kind": NOTICE,
            "text": said["text"],
            "incident": None,
            "runbooks": [],
            "update": {
                "audience": said["audience"],
                "status": said["status"],
                "about": about,
                "sent_at": rfc3339(said["at"]),
                "next_at": rfc3339(said["next_at"]),
                "url": url or None,
            },
        },
        thread=_thread(incident),
    )


def _thread(incident: Row) -> str:
    """The same for every update of an incident, without its number."""
    of = f"{incident['number']}:{incident['opened_at']}:{incident['key']}"
    return f"update-{sha256(of.encode()).hexdigest()[:16]}"
