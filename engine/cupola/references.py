"""The name by which other commands and calls take a record: an id, a name, NAME@VERSION."""

from typing import Any

import msgspec

# The fields that name a record, in the order in which they are looked for.
NAMES = ("run", "job", "endpoint", "id", "name")


def reference(record: Any) -> str:
    """What names this record; "" where nothing does."""
    fields = record if isinstance(record, dict) else msgspec.structs.asdict(record)
    if "version" in fields:
        name = fields.get("dataset") if "columns" in fields else fields.get("name")
        return f"{name or fields.get('name')}@{fields['version']}"
    own = fields.get("id")
    return str(own or next((fields[one] for one in NAMES if fields.get(one)), ""))
