"""Who is told what when something happens to an incident: the jobs to write beside the fact itself.

A page demands an answer, a notice informs. The dedup key of a job goes with it to the receiver, so
a message that had to be sent twice shows as one. Keys are made so that nobody is paged twice for
one burning: `notify:12:page:oncall` is the page of incident 12, whether it opened as a page or
became one later; a relapse after recovery is a new burning and carries its time.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from incidents.closing import is_reported, reporter_of
from incidents.model import EventKind, Urgency
from vigie.config import Channel
from vigie.store.jobs import Job, NewJob

PAGE, NOTICE = "page", "notice"
REMIND: Final = "remind_recovered"
REMIND_EVERY_S: Final = 86_400.0

_PAGING = frozenset({EventKind.OPENED, EventKind.UPGRADED, EventKind.RELAPSED})
_TARGETS = frozenset(
    {
        EventKind.RESPONSE_DUE,
        EventKind.RESPONSE_BREACHED,
        EventKind.RESOLUTION_DUE,
        EventKind.RESOLUTION_BREACHED,
    }
)
_TOLD = (
    _PAGING
    | _TARGETS
    | {EventKind.ACKNOWLEDGED, EventKind.RECOVERED, EventKind.RESOLVED, EventKind.SEVERITY_SET}
    | {EventKind.MERGED, EventKind.SPLIT}
    | {EventKind.TEAM_CALLED, EventKind.ESCALATED, EventKind.REOPENED, EventKind.CANCELLED}
)
_ONCE = frozenset({EventKind.OPENED, EventKind.ACKNOWLEDGED, EventKind.RESOLVED})


def jobs_for(
    kind: EventKind,
    incident: Mapping[str, Any],
    channels: Iterable[Channel],
    at: float,
    text: str = "",
    *,
    asked: bool | None = None,
) -> list[NewJob]:
    """The jobs for an event of an incident, given as it is after the event; `text` says in words
    what happened. Empty when nobody receives this kind of message. `asked`: whether a person is to
    resolve what recovered; None: as by default, whoever has acknowledged.
    """
    if asked is None:
        asked = bool(incident["acknowledged_at"] or incident.get("reopened"))
    if kind not in _TOLD or (kind is EventKind.RECOVERED and not asked):
        return []  # it resolves in the same breath, and that is told
    every = list(channels)
    paged = page_receivers(every) if _is_page(kind, incident) else []
    names = {channel.name for channel in paged}
    informed = [c for c in every if NOTICE in c.receives and c.name not in names]
    number = int(incident["number"])
    told = {"event": kind.value, "at": at, "text": _words(kind, incident, text)}
    page = {"kind": PAGE, **told}
    notice = {"kind": NOTICE, **told}
    pages = [_job(_page_key(kind, number, at), number, c, page) for c in paged]
    return pages + [_job(_notice_key(kind, incident, at), number, c, notice) for c in informed]


def notices(  # noqa: PLR0917 - what is told of what, then to whom
    key: str,
    kind: EventKind,
    number: int,
    channels: Iterable[Channel],
    at: float,
    text: str,
) -> list[NewJob]:
    """A notice to everybody who receives them, of something that may happen to an incident more
    than once in one moment; `key` names it among all notices of this kind.
    """
    payload = {"kind": NOTICE, "event": kind.value, "at": at, "text": text}
    informed = [channel for channel in channels if NOTICE in channel.receives]
    return [_job(f"notify:{number}:{kind.value}:{key}", number, c, payload) for c in informed]


def reminder(number: int, recovered_at: float, times: int = 1) -> NewJob:
    """The job that looks, a day after an incident recovered (`times` days), whether somebody has
    resolved it.
    """
    payload = {"recovered_at": recovered_at, "times": times}
    return NewJob(
        kind=REMIND,
        dedup=f"{REMIND}:{number}:{_ms(recovered_at)}:{times}",
        payload=payload,
        run_at=recovered_at + times * REMIND_EVERY_S,
        incident=number,
    )


def page_receivers(channels: Iterable[Channel]) -> list[Channel]:
    """Who gets a page: the channels that receive pages, else those that receive notices, for a page
    in the wrong place is better than none.
    """
    every = list(channels)
    return [c for c in every if PAGE in c.receives] or [c for c in every if NOTICE in c.receives]


def alarms(why: str, page: Job, channels: Iterable[Channel], at: float, text: str) -> list[NewJob]:
    """Tell every other channel that a page does not get through. `why` is `failing` or `dead`: for
    each of them everybody is told once per page.
    """
    assert page.incident is not None
    payload = {"kind": NOTICE, "event": EventKind.PAGE_FAILED.value, "at": at, "text": text}
    # One that receives nothing is for others than ourselves.
    others = [c for c in channels if c.receives and c.name != page.payload["channel"]]
    return [_job(f"{why}:{page.dedup}", page.incident, other, payload) for other in others]


def _is_page(kind: EventKind, incident: Mapping[str, Any]) -> bool:
    # Opened again it pages where nobody has answered: a second answer has no place to stand.
    unanswered = kind is EventKind.REOPENED and incident["acknowledged_at"] is None
    return (kind in _PAGING or unanswered) and incident["urgency"] == Urgency.HIGH


def _words(kind: EventKind, incident: Mapping[str, Any], text: str) -> str:
    if kind is EventKind.ACKNOWLEDGED:
        return f"Acknowledged by {incident['acknowledged_by']}"
    if kind is EventKind.RESOLVED:
        by = f"Resolved by {incident['resolved_by']}"
        told = f"{by}: {text}" if text else by
        return f"{told}\n{_question(incident)}" if is_reported(incident) else told
    return text or str(incident["title"])


def _question(incident: Mapping[str, Any]) -> str:
    return f"{reporter_of(incident)}, is it over? Say so on its page, or open it again."


def _page_key(kind: EventKind, number: int, at: float) -> str:
    again = f":{_ms(at)}" if kind in {EventKind.RELAPSED, EventKind.REOPENED} else ""
    return f"notify:{number}:page{again}"


def _notice_key(kind: EventKind, incident: Mapping[str, Any], at: float) -> str:
    number, reopened = int(incident["number"]), incident.get("reopened")
    life = f":{reopened}" if reopened else ""  # what is opened again is resolved again
    again = life if kind in _ONCE else f":{_ms(at)}"
    return f"notify:{number}:{kind.value}{again}"


def _ms(at: float) -> int:
    return round(at * 1000)


def _job(key: str, number: int, channel: Channel, payload: Mapping[str, Any]) -> NewJob:
    return NewJob(
        kind="notify",
        dedup=f"{key}:{channel.name}",
        payload={"channel": channel.name, **payload},
        run_at=payload["at"],
        incident=number,
    )
