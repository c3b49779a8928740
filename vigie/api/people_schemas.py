"""Shapes of who has to do with an incident, as the documentation of the API shows them."""

from typing import Literal

from incidents.people import Part
from vigie.api.schemas import Shape, Time


class Held(Shape):
    """A part that somebody holds, or held until `until`."""

    part: Part
    name: str
    since: Time
    until: Time | None
    given_by: str
    note: str | None


class Team(Shape):
    """Another team that was called in."""

    team: str
    note: str
    at: Time
    by: str


class Guest(Shape):
    """An external party with a link to this one incident; `opened` is how often it was followed."""

    id: int
    name: str
    role: Literal["viewer", "responder"]
    created_at: Time
    created_by: str
    expires_at: Time
    opened: int
    first_used_at: Time | None
    last_used_at: Time | None
    revoked_at: Time | None
    revoked_by: str | None


class Invited(Guest):
    """A guest with the link, which is shown this once."""

    url: str
    token: str


class People(Shape):
    """Who holds what now, and everybody who did (`history`)."""

    parts: list[Held]
    watchers: list[str]
    teams: list[Team]
    guests: list[Guest]
    history: list[Held]


class LetIn(Shape):
    """Somebody who is a participant now; nothing is said of the incident."""

    number: int
    name: str
