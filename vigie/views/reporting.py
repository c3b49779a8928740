"""What a person who reports something is shown: what is open on the same service already."""

from vigie.store import reported
from vigie.store.db import Database
from vigie.store.visibility import Viewer
from vigie.views.shape import Object, when


def open_beside(
    db: Database, service: str, *, viewer: Viewer, besides: int | None = None
) -> list[Object]:
    """The first few open incidents of a service that a viewer sees; none where it is not known."""
    if not service:
        return []
    rows = db.read(lambda c: reported.open_of(c, service, viewer=viewer, besides=besides))
    return [
        {
            "number": row["number"],
            "title": row["title"],
            "severity": f"SEV{row['severity']}",
            "priority": f"P{row['priority']}",
            "state": row["state"],
            "opened_at": when(row["opened_at"]),
            "url": f"/incidents/{row['number']}",
        }
        for row in rows
    ]
