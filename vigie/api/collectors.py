"""What the API tells of the collectors: one target with what its page held, probes, discoveries,
traces of bad events."""

from enum import Enum
from math import inf
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from vigie import views
from vigie.access import Permission, needs
from vigie.api import schemas
from vigie.api.reads import Name, no_slo, ready_json, shown
from vigie.commands.errors import NotFound
from vigie.live import Board, Collected

_FIGURES: Final[list[str | Enum]] = ["figures"]
TargetId = Annotated[str, Path(max_length=2000, description="The target's `id`, slashes and all")]


def add(router: APIRouter, board: Board, collected: Collected) -> None:
    """Routes that ask the collectors run on their event loop, but for exemplars."""

    @router.get("/targets/{target_id:path}", tags=_FIGURES, responses=shown(schemas.WholeTarget))
    @needs(Permission.READ)
    async def target(target_id: TargetId) -> Response:
        """One target and the families of its last page."""
        families = await collected.families(target_id)
        found = views.target(board.now, target_id, families)
        if found is None:
            raise no_target()
        return ready_json(found)

    @router.get("/probes", tags=_FIGURES, responses=shown(schemas.Listing[schemas.Probed]))
    @needs(Permission.READ)
    async def probes(service: Name = None) -> Response:
        """Every target of every probe: up or not, since when, and what each location says."""
        return ready_json(views.probes(board.now, collected.verdicts(), service=service))

    @router.get("/discoveries", tags=_FIGURES, responses=shown(schemas.Listing[schemas.Discovery]))
    @needs(Permission.READ)
    async def discoveries() -> Response:
        """Where every scrape job looks for targets, and how that goes."""
        return ready_json(views.discoveries(board.now, collected.discoveries))

    _add_exemplars(router, board, collected)


def _add_exemplars(router: APIRouter, board: Board, collected: Collected) -> None:
    @router.get(
        "/slos/{service}/{slo}/exemplars",
        tags=_FIGURES,
        responses=shown(schemas.Listing[schemas.Exemplar]),
    )
    @needs(Permission.READ)
    def exemplars(
        service: str,
        slo: str,
        start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
        to: AwareDatetime | None = None,
    ) -> Response:
        """Traces of bad events of one SLO that arrived between `from` and `to`, newest first."""
        found = views.exemplars(
            board.now,
            collected,
            f"{service}/{slo}",
            -inf if start is None else start.timestamp(),
            inf if to is None else to.timestamp(),
        )
        if found is None:
            raise no_slo(f"{service}/{slo}")
        return ready_json(found)


def no_target() -> NotFound:
    return NotFound("There is no target with this id; /api/v1/targets lists them.")
