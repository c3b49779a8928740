"""The `status_mail` job: mails about status pages, to one subscriber each."""

import logging
import smtplib
from email.message import EmailMessage

from sqlalchemy import Connection

from incidents.status_page import StatusPage
from vigie.channels import Channel
from vigie.clock import Clock
from vigie.jobs.handler import Done, GiveUp, RetryLater
from vigie.live import Board
from vigie.notify import email
from vigie.notify import status as mails
from vigie.notify.errors import DeliveryFailed
from vigie.store import jobs, subscribers
from vigie.store import status as store
from vigie.store.db import Database
from vigie.store.jobs import Job
from vigie.store.subscribers import Purpose, Subscriber
from vigie.views import status as views

BATCH = 500

log = logging.getLogger(__name__)


class StatusMail:
    """Mails, or writes the jobs that mail. What is not to be said any more is not said: of a page
    that is gone, to somebody who left, of an incident that is restricted by now.
    """

    def __init__(self, *, db: Database, board: Board, clock: Clock, base_url: str) -> None:
        self._db = db
        self._board = board
        self._clock = clock
        self._base = base_url.rstrip("/")

    async def __call__(self, job: Job) -> Done:
        if job.payload["do"] == "tell":
            return await self._tell(job)
        # It may make the key of all links.
        made = await self._db.awrite(lambda c: self._mail(c, job))
        if made is None:
            return Done()
        channel, mail = made
        try:
            await email.hand_over(channel, mail)
        except DeliveryFailed as error:
            log.warning("a mail about a status page was not delivered: %s", error.reason)
            if not error.retry:
                # A mailbox that is not there is nothing that people here could mend; a server that
                # refuses us is.
                if isinstance(error.__cause__, smtplib.SMTPRecipientsRefused):
                    return Done()
                raise GiveUp(error.reason) from error
            raise RetryLater(error.reason, error.after_s) from error
        return Done()

    async def _tell(self, job: Job) -> Done:
        page, update, after = (job.payload[key] for key in ("page", "update", "after"))
        now = self._clock.now()

        def write(c: Connection) -> None:
            if self._page(page) is None or store.update_of(c, update) is None:
                return
            found = subscribers.confirmed(c, page, after, BATCH)
            for number in found:
                jobs.enqueue(c, mails.update_job(number, update, now), now)
            if len(found) == BATCH:
                jobs.enqueue(c, mails.tell_job(page, update, found[-1], now), now)

        return Done(write)

    def _mail(self, c: Connection, job: Job) -> tuple[Channel, EmailMessage] | None:
        one = subscribers.get(c, job.payload["subscriber"])
        page = self._page(one.page) if one is not None else None
        if one is None or page is None:
            return None
        channel = self._board.now.config.channels.get(page.email)
        if channel is None:
            return None
        if job.payload["do"] == "confirm":
            return self._confirmation(c, channel, page, one, job)
        return self._update(c, channel, page, one, job)

    def _confirmation(
        self, c: Connection, channel: Channel, page: StatusPage, one: Subscriber, job: Job
    ) -> tuple[Channel, EmailMessage] | None:
        if one.confirmed_at is not None:
            return None
        link = self._link(c, one, Purpose.CONFIRM)
        now = self._clock.now()
        return mails.confirmation(channel, page, one.address, job.dedup, link, now)

    def _update(
        self, c: Connection, channel: Channel, page: StatusPage, one: Subscriber, job: Job
    ) -> tuple[Channel, EmailMessage] | None:
        found = store.update_of(c, job.payload["update"])
        if found is None or one.confirmed_at is None or not page.concerned(found[0].services):
            return None
        shown = views.incident(page, found[0])
        entry = shown["updates"][0]
        links = (f"{self._base}/status/{page.name}", self._link(c, one, Purpose.LEAVE))
        now = self._clock.now()
        return mails.update(channel, page, one.address, job.dedup, shown, entry, links, now)

    def _link(self, c: Connection, one: Subscriber, purpose: Purpose) -> str:
        code = subscribers.code(c, one, purpose)
        return f"{self._base}/status/{one.page}/{purpose}/{code}"

    def _page(self, name: str) -> StatusPage | None:
        page = self._board.now.config.pages.get(name)
        return page if page is not None and page.subscribers else None
