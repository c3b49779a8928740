"""What can go wrong with the store.

    StoreError
    ├── Locked        another server uses this database
    ├── Unavailable   it can't be used now: disk full, busy, I/O error, server away, closed
    ├── Newer         a later version of Vigie wrote it
    ├── Corrupt       it is damaged, or is no database of Vigie's
    └── Refused       the request would destroy something, or needs another step first

Callers answer `Unavailable` with 503 and a failed tick, and try again; the others need a person.
"""


class StoreError(Exception):
    """The store can't do what was asked; the message says what, why and what to do."""


class Locked(StoreError):  # noqa: N818 - the root says Error; these say which
    """Another server uses this database."""


class Unavailable(StoreError):  # noqa: N818 - the root says Error; these say which
    """The database can't be read or written now. Nothing of the request was kept, unless the
    message says that its outcome is unknown.
    """


class Newer(StoreError):  # noqa: N818 - the root says Error; these say which
    """The database was written by a later version of this program."""


class Corrupt(StoreError):  # noqa: N818 - the root says Error; these say which
    """The database is damaged, or is not one of Vigie's."""


class Refused(StoreError):  # noqa: N818 - the root says Error; these say which
    """The request would destroy something, or needs another step first."""
