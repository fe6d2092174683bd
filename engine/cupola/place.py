"""Where the user stands: the directory that relative paths mean, and in which jobs run.

That is the working directory, except in a process that must not stand on a mount that may hang: whoever starts such a
one says in $CUPOLA_HERE where its user stands.
"""

import os
from pathlib import Path

VARIABLE = "CUPOLA_HERE"


def here() -> Path:
    """The directory where the user stands."""
    return Path(os.environ.get(VARIABLE) or Path.cwd())


def path(given: str | Path) -> Path:
    """The absolute path that the user means; `~` is the home directory. Touches no disk."""
    return here() / Path(given).expanduser()
