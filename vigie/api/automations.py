"""Automations over HTTP: the list of them, and what they would have done."""

from enum import Enum
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from incidents.automation import EVENTS, Automation
from slo import windows
from slo.load.codes import Code
from slo.load.yaml import Mark, did_you_mean
from vigie.access import Permission, needs, viewing
from vigie.api import schemas
from vigie.api.reads import Name, ready_json, shown
from vigie.clock import Clock
from vigie.commands.errors import NotFound
from vigie.live import Board
from vigie.store.db import Database
from vigie.views import automations as views

_TAGS: Final[list[str | Enum]] = ["automations"]
MAX_SINCE_S: Final = 400 * 86_400.0
MAX_FILE: Final = 500_000  # characters


class ListedAutomation(schemas.Shape):
    """One automation of the files. `failures` are runs of which an action was not carried out,
    `refused` those that a limit on loops kept from running.
    """

    name: str
    description: str
    events: list[str] = Field(description=f"of {', '.join(EVENTS)}")
    conditions: list[str]
    for_: str | None = Field(alias="for")
    actions: list[str]
    file: str | None
    runs: int
    failures: int
    refused: int
    last_run_at: schemas.Time | None
    last_incident: int | None


class TriedAction(schemas.Shape):
    do: str
    text: str


class TriedRun(schemas.Shape):
    """What one automation would have done because of one entry; `refused`: why it would not."""

    automation: str
    incident: int
    title: str
    entry: int
    event: str
    recorded_at: schemas.Time
    at: schemas.Time
    why: list[str]
    actions: list[TriedAction]
    refused: str | None


class Tried(schemas.Shape):
    """The newest first. `incidents` is how many were looked through, `problems` what is wrong with
    the file that was sent.
    """

    start: schemas.Time = Field(alias="from")
    to: schemas.Time
    automations: list[str]
    incidents: int
    incidents_left_out: bool
    problems: list[str]
    items: list[TriedRun]
    left_out: int
    next: str | None


def _span(text: str) -> str:
    if not 0.0 < windows.parse(text) <= MAX_SINCE_S:
        raise ValueError(f"`{text}` is not above 0s and at most {windows.show(MAX_SINCE_S)}")
    return text


Since = Annotated[str, StringConstraints(max_length=40), AfterValidator(_span)]


class TryFile(BaseModel):
    """The text of a YAML file with Automations, and what it is called in problems."""

    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(max_length=MAX_FILE)]
    file: Annotated[str, Field(max_length=300)] = "file.yaml"
    name: Annotated[str | None, Field(max_length=200)] = None
    since: Since = "30d"


def add(router: APIRouter, *, board: Board, db: Database, clock: Clock) -> None:
    @router.get("/automations", tags=_TAGS, responses=shown(schemas.Listing[ListedAutomation]))
    @needs(Permission.READ)
    def every() -> Response:
        """The automations of the files, and what each did."""
        return ready_json(views.every(db, board.now.config, viewer=viewing()))

    @router.get("/automations/try", tags=_TAGS, responses=shown(Tried))
    @needs(Permission.READ)
    def tried(
        name: Name = None,
        since: Annotated[Since, Query(description="how far back, e.g. 30d")] = "30d",
    ) -> Response:
        """What the automations of the files would have done. Nothing is written."""
        config, now = board.now.config, clock.now()
        chosen = _chosen(config.automations, name)
        start = now - windows.parse(since)
        return ready_json(views.tried(db, config, chosen, start, now, viewer=viewing()))

    @router.post("/automations/try", tags=_TAGS, responses=shown(Tried))
    @needs(Permission.RESPOND)
    def tried_file(body: TryFile) -> Response:
        """The same of a file that is not in force. Nothing is written."""
        config, now = board.now.config, clock.now()
        start = now - windows.parse(body.since)
        found, problems = views.of_text(config, body.text, body.file)
        if not found and not problems.errors:
            message = "there is no Automation in it"
            problems.error(Mark(body.file, 1, 1), message, Code.NOTHING_TO_DO)
        if problems.errors:
            return ready_json(views.refused(problems, start, now))
        chosen = _chosen(tuple(found), body.name)
        return ready_json(views.tried(db, config, chosen, start, now, viewer=viewing()))


def _chosen(every: tuple[Automation, ...], name: str | None) -> list[Automation]:
    """All of them, or the one of this name. NotFound."""
    chosen = [one for one in every if name is None or one.name == name]
    if name is not None and not chosen:
        hint = did_you_mean(name, [one.name for one in every])
        raise NotFound(f"there is no automation `{name}`{hint}")
    return chosen
