"""What an incident cost, as `vigie incident show` prints it."""

from typing import Any

Json = dict[str, Any]


def cost_lines(incident: Json) -> list[str]:
    """One line of the cost, the notes below it; none before it was measured."""
    if not incident.get("cost"):
        return []
    name = "cost" if incident["impact"].get("final") else "cost so far"
    notes = [f"  {'':16} {note}" for note in incident["cost_notes"]]
    return [f"  {name:16} {incident['cost']}", *notes]
