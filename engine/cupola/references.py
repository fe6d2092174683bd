"""The name by which other commands and calls take a record: an id, a name, NAME@VERSION."""

from typing import Any

import msgspec

# The fields that name a record, in the order in which they are looked for.
NAMES = ("id", "autopilot", "tuning", "execution", "run", "job", "endpoint", "name", "path", "trash")


def reference(record: Any) -> str:
    """What names this record; "" where nothing does."""
    fields = record if isinstance(record, dict) else msgspec.structs.asdict(record)
    if fields.get("name") and "version" in fields:
        return f"{fields['name']}@{fields['version']}"
    return str(next((fields[one] for one in NAMES if fields.get(one)), ""))
