"""Names of columns as they are taken from a file: they are data, so nothing in them may act on a terminal."""

import re
import unicodedata

from cupola.errors import BadInput

LONGEST = 200


def clean(raw: list[str], where: str, line: str = "") -> tuple[list[str], list[str]]:
    """The names to use and the notes on those that were changed. Raises BadInput where two columns have one name.

    Blanks around a name go, control and invisible characters inside it too; a column without a name is called column_N.
    """
    names, notes = [], []
    for number, given in enumerate(raw, 1):
        name = _printable(given)
        if len(name) > LONGEST:
            raise BadInput(
                f"{line}the name of column {number} is longer than {LONGEST} characters",
                where=where,
                hint="is the first line a line of names? --no-header says that it is not",
            )
        if not name:
            name = _free(f"column_{number}", raw)
            notes.append(f"column {number} has no name and is called {name}")
        elif name != given.strip():
            notes.append(f"column {number}: control characters were taken out of its name, which is now {name!r}")
        names.append(name)
    seen: dict[str, int] = {}
    for number, name in enumerate(names, 1):
        if name in seen:
            raise BadInput(
                f"{line}two columns are called {name!r} (columns {seen[name]} and {number})",
                where=where,
                hint="rename one of them in the file",
            )
        seen[name] = number
    return names, notes


def _printable(name: str) -> str:
    spaced = re.sub(r"[\t\r\n]+", " ", name)
    kept = "".join(one for one in spaced if unicodedata.category(one) not in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
    return kept.strip()


def _free(name: str, taken: list[str]) -> str:
    while name in taken:
        name += "_"
    return name
