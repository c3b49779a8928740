"""Making and revoking tokens of programs."""

import logging
import re
from typing import Final

from sqlalchemy import Connection

from slo import windows
from vigie.access import proofs, users
from vigie.access.roles import Role, Scope
from vigie.commands.errors import Conflict, Invalid, NotFound
from vigie.store import tokens as store
from vigie.store.db import Database
from vigie.store.tokens import Token

log = logging.getLogger(__name__)

LONGEST_NAME: Final = 40
_NAME: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{LONGEST_NAME - 1}}}", re.ASCII)


def add(
    db: Database,
    name: str,
    *,
    role: Role,
    scope: Scope,
    lasts_s: float,
    user: str | None,
    by: str,
    now: float,
) -> tuple[Token, str]:
    """Make a token; it, and what is shown this once. NotFound, Invalid, Conflict."""
    if _NAME.fullmatch(name) is None:
        raise Invalid(
            f"the name is not usable: write at most {LONGEST_NAME} of a-z A-Z 0-9 . _ - "
            "and begin with a letter or digit"
        )
    if not 0.0 < lasts_s <= proofs.LONGEST_TOKEN_S:
        most = windows.show(proofs.LONGEST_TOKEN_S)
        raise Invalid(f"a token lasts longer than 0s and at most {most}")
    secret = proofs.new_token()

    def work(c: Connection) -> Token:
        owner = users.get(c, user) if user is not None else None  # NotFound
        if store.live(c, now) >= proofs.TOKENS:
            raise Conflict(f"there are {proofs.TOKENS} tokens in use: revoke one first")
        number = store.add(
            c,
            proofs.digest(secret),
            name=name,
            user=owner.id if owner is not None else None,
            role=role,
            scope=scope,
            by=by,
            now=now,
            expires_at=now + lasts_s,
        )
        return _get(c, number)

    made = db.write(work)
    log.warning("token %d (%s, %s, %s) made by %s", made.id, name, role, scope, by)
    return made, secret


def revoke(db: Database, number: int, *, by: str, now: float) -> Token:
    """End a token; again, it changes nothing. NotFound."""

    def work(c: Connection) -> tuple[Token, bool]:
        _get(c, number)
        ended = store.revoke(c, number, by, now)
        return _get(c, number), ended

    token, ended = db.write(work)
    if ended:
        log.warning("token %d (%s) revoked by %s", number, token.name, by)
    return token


def _get(c: Connection, number: int) -> Token:
    found = store.get(c, number)
    if found is None:
        raise NotFound(f"There is no token {number}; /api/v1/tokens lists them.")
    return found
