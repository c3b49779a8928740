"""A status page over the fleet, and what customers are told on it."""

from dataclasses import replace
from typing import Any

from sqlalchemy import update as change

from fleet import T0, Fleet, burn_signal
from incidents.model import Severity
from incidents.status_page import Component, Group, Publish, StatusPage
from vigie.channels import Channel
from vigie.store.tables import incident
from vigie.store.tables_updates import stakeholder_update

MAIL = Channel("mail", "email", frozenset({"page"}), smtp_host="127.0.0.1", sender="v@shop.example")
PAGE = StatusPage(
    "shop",
    "The shop",
    (
        Group("Buying", (Component("pay", "Paying", ("checkout",)),)),
        Group("Looking", (Component("web", "Pages", ("frontend",)),)),
    ),
    public=True,
    subscribers=True,
    email="mail",
)
INSIDE = replace(PAGE, name="inside", public=False, subscribers=False)
SECRET = "planted-secret-word"


def put(fleet: Fleet, *pages: StatusPage, port: int = 9, **config: Any) -> None:
    """Put pages in the configuration in force."""
    live = fleet.board.now
    channels = {**live.config.channels, "mail": replace(MAIL, smtp_port=port, smtp_tls="none")}
    config = {"pages": {page.name: page for page in pages}, "channels": channels, **config}
    fleet.board.now = replace(live, config=replace(live.config, **config))


def opened(fleet: Fleet, service: str = "checkout", severity: int = 2, **columns: Any) -> int:
    """An incident whose own words must not show."""
    signal = replace(burn_signal(service, Severity(severity)), key=f"k{service}{columns}")
    number = fleet.open(replace(signal, title=f"{SECRET} title"))
    columns = {"description": f"{SECRET} description", **columns}
    fleet.db.write(
        lambda c: c.execute(change(incident).where(incident.c.number == number).values(**columns))
    )
    return number


def tell(fleet: Fleet, number: int, text: str, status: str = "investigating", **more: Any) -> int:
    """An update, as it is stored; its id."""
    row = {"incident": number, "audience": "customer", "status": status, "text": text}
    row |= {"sent_at": T0 - 400, "sent_by": f"{SECRET} person", **more}
    added = stakeholder_update.insert().values(**row).returning(stakeholder_update.c.id)
    return int(fleet.db.write(lambda c: c.execute(added).scalar_one()))


def auto(page: StatusPage = PAGE) -> StatusPage:
    return replace(page, publish=Publish.AUTO)
