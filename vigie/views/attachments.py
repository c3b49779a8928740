"""The files of an incident as every reader sees them."""

from sqlalchemy import Connection

from incidents.attachments import IMAGES
from vigie.store import attachments, incidents
from vigie.store.attachments import Row
from vigie.store.db import Database
from vigie.views.shape import Object, listing, when


def of_incident(db: Database, number: int) -> Object | None:
    """Every file, oldest first, those that were removed too; None if there is no such incident."""

    def read(c: Connection) -> list[Row] | None:
        there = incidents.get(c, number) is not None
        return attachments.of_incident(c, number) if there else None

    rows = db.read(read)
    return None if rows is None else listing([shown(row) for row in rows])


def shown(row: Row) -> Object:
    """One file; `url` is null once it was removed."""
    there = row["removed_at"] is None
    return {
        "id": row["id"],
        "name": row["name"],
        "media_type": row["media_type"],
        "size": row["size"],
        "sha256": row["sha256"],
        "is_image": there and row["media_type"] in IMAGES,
        "sent_size": row["sent_size"],
        "redacted": row["redacted"],
        "summary": row["summary"],
        "uploaded_at": when(row["uploaded_at"]),
        "uploaded_by": row["uploaded_by"],
        "removed_at": when(row["removed_at"]),
        "removed_by": row["removed_by"],
        "removed_for": row["removed_for"],
        "url": f"/api/v1/incidents/{row['incident']}/attachments/{row['id']}" if there else None,
    }
