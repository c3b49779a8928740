"""Tables of who may do what: users, their sessions, tokens of programs, rights on one thing."""

from sqlalchemy import Column, Double, ForeignKey, Table, Text

from vigie.store.tables import Key, metadata

user_account = Table(
    "user_account",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password", Text, nullable=False),  # argon2id, with its parameters and salt
    Column("password_until", Double),  # a one-time password ends then; null: the user's own
    Column("disabled_at", Double),
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
)

user_session = Table(
    "user_session",
    metadata,
    Column("digest", Text, primary_key=True),  # SHA-256 of what the cookie holds
    Column("user", ForeignKey("user_account.id"), nullable=False, index=True),
    Column("created_at", Double, nullable=False),
    Column("seen_at", Double, nullable=False),
    Column("expires_at", Double, nullable=False),
)

api_token = Table(
    "api_token",
    metadata,
    Column("id", Key, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),  # SHA-256 of the token
    Column("name", Text, nullable=False),
    Column("user", ForeignKey("user_account.id")),  # null: of nobody, made with the shared token
    Column("role", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("last_used_at", Double),
    Column("revoked_at", Double),
    Column("revoked_by", Text),
)

access_grant = Table(  # a role on one thing, beside the role that a user has everywhere
    "access_grant",
    metadata,
    Column("user", ForeignKey("user_account.id"), primary_key=True),
    Column("kind", Text, primary_key=True),  # of the thing: incident
    Column("subject", Text, primary_key=True),  # which one
    Column("role", Text, nullable=False),
    Column("granted_at", Double, nullable=False),
    Column("granted_by", Text, nullable=False),
)
