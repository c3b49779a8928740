"""Users and tokens of a fleet, made without going through the server."""

from collections.abc import Callable
from typing import Any

from fleet import Answer, Fleet, Site
from vigie.access import Accounts, Role, Scope, passwords, proofs
from vigie.store import tokens, users

PASSWORD = "correct horse battery"
HTML = {"Accept": "text/html"}


def user(fleet: Fleet, name: str = "ada", role: Role = Role.ADMIN, password: str = PASSWORD) -> int:
    """A user with a password of their own; the id."""
    stored, now = passwords.hashed(password), fleet.clock.now()

    def work(c: Any) -> int:
        assert users.add(c, name, role, stored, None, by="vigie", now=now)
        made = users.get(c, name)
        assert made is not None
        return made.id

    return fleet.db.write(work)


def token(
    fleet: Fleet,
    role: Role = Role.ADMIN,
    scope: Scope = Scope.ALL,
    *,
    of: int | None = None,
    name: str = "ci",
    lasts_s: float = 3600.0,
) -> str:
    """A token; what opens."""
    secret, now = proofs.new_token(), fleet.clock.now()
    facts: dict[str, Any] = {"name": name, "user": of, "role": role, "scope": scope}
    facts |= {"by": "ada", "now": now, "expires_at": now + lasts_s}
    fleet.db.write(lambda c: tokens.add(c, proofs.digest(secret), **facts))
    return secret


def served(serve: Callable[..., Site], fleet: Fleet, **access: Any) -> Site:
    """The fleet, served with its users."""
    return serve(accounts=Accounts(fleet.db, fleet.clock), **access)


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def sign_in(
    site: Site, name: str = "ada", password: str = PASSWORD, onward: str = "/"
) -> Answer:
    form = {"username": name, "password": password, "next": onward}
    return await site.ask("POST", "/login", data=form, headers=HTML)


async def csrf(site: Site) -> str:
    """What forms of the signed-in browser hold."""
    return str((await site.get("/api/v1/me")).json["csrf"])
