"""Another type for a column: the file is imported again as the next version, with that type said.

Where that file is gone, a step of a flow parses the column.
"""

import shlex
from typing import TYPE_CHECKING

from cupola.datasets.records import TYPES
from cupola_tui.plain import clean
from cupola_tui.screens import doing, panes
from cupola_tui.screens.doing import Chosen
from cupola_tui.widgets.rows import Record

if TYPE_CHECKING:
    from cupola_tui.studio import Studio


async def retype(app: "Studio", record: Record, column: str) -> Record | None:
    """Asks for the type, then shows the form of the import, which says what is done; the version that it made."""
    from cupola_tui.screens.choice import Choice, Menu

    now = next((one["type"] for one in record.get("columns") or [] if one["name"] == column), "")
    rows = [
        Choice(one, one, str(place + 1), "it is that already" if one == now else "") for place, one in enumerate(TYPES)
    ]
    picked = await app.push_screen_wait(Menu(f"{column} is {now}; read it as", rows))
    if picked is None:
        return None
    source = str(record.get("source") or "")
    if source not in await app.ask("paths", typed=source):
        app.say(f"the file it was imported from is not there any more ({source}): a flow parses the column", "warning")
        await doing.prepare(app, record, parsing(column, picked))
        return None
    main = app.main
    chosen = Chosen(panes.pane("datasets"), [record], main.readonly)
    made: Record | None = await doing.fill_in(
        app, main.actions, "dataset import", chosen, again(record, column, picked)
    )
    if made:
        doing.tell(app, "dataset import", made)
        main.lists.refresh("datasets")
    return made


def parsing(column: str, type: str) -> str:
    """The step of a flow that makes that type of a column, as `flow edit --add` takes it."""
    return shlex.join(["parse-type", f"columns={column}", f"type={'text' if type == 'category' else type}"])


def again(record: Record, column: str, type: str) -> dict[str, str]:
    """What the form of an import says to read the same file as before, with another type for a column."""
    options = dict(record.get("options") or {})
    types = options.pop("types", {}) | {column: type}
    roles = options.pop("roles", {})
    missing = options.pop("missing", [])
    said = {"source": str(record.get("source")), "name": str(record.get("dataset")), "type": _pairs(types)}
    said |= {"role": _pairs(roles)} if roles else {}
    said |= {"missing": shlex.join(missing)} if missing else {}
    for name, value in options.items():
        said[name] = ("yes" if value else "no") if isinstance(value, bool) else str(value)
    return said


def _pairs(pairs: dict[str, str]) -> str:
    return shlex.join(f"{clean(name)}={value}" for name, value in pairs.items())
