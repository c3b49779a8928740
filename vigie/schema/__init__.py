"""JSON Schemas of the YAML kinds."""

from vigie.schema.kinds import schemas

__all__ = ["schemas"]
