"""The table of who is mailed about a status page."""

from sqlalchemy import Column, Double, Index, Integer, Table, Text, text

from vigie.store.tables import Key, Words, metadata

subscriber = Table(
    "subscriber",
    metadata,
    Column("id", Key, primary_key=True),
    Column("page", Text, nullable=False),  # the name of a StatusPage
    Column("address", Words, nullable=False),
    Column("mailbox", Words, nullable=False),  # whose it is: without case and `+tag`
    Column("nonce", Text, nullable=False),  # random; with the key of the server it makes the links
    Column("created_at", Double, nullable=False),
    Column("confirmed_at", Double),  # NULL: nobody has shown that the mail arrives
    # Mails that ask to confirm: how many since when, and the last one.
    Column("asked", Integer, nullable=False, server_default=text("0")),
    Column("asked_from", Double, nullable=False),
    Column("asked_at", Double, nullable=False),
    Index("uq_subscriber_page_address", "page", "address", unique=True),
    Index("ix_subscriber_mailbox", "mailbox"),
    Index("ix_subscriber_confirmed_at_id", "confirmed_at", "id"),
)
