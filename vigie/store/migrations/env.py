"""Runs the migrations on the connection that vigie.store.schema hands over. Alembic executes it."""

from alembic import context
from sqlalchemy import Connection

from vigie.store.tables import metadata


def run() -> None:
    """Run them inside the caller's transaction: a failed migration leaves the schema as it was."""
    connection: Connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        transactional_ddl=True,  # SQLite can, though Alembic assumes it can't: BEGIN is our own
        render_as_batch=True,
    )
    context.run_migrations()


run()
