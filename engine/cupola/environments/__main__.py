"""`python -m cupola.environments`: builds the catalogue of this environment where it is not there yet.

`python -m cupola.environments MODULE:NAME FILE`: writes what can be said of an estimator of a workspace's own.
"""

import os
import sys
from pathlib import Path

import msgspec

from cupola.environments.catalogue import build
from cupola.errors import BadOption


def main() -> None:
    if not sys.argv[1:]:
        build()
        return
    from cupola.environments.scan import of_own

    name, target = sys.argv[1], Path(sys.argv[2])
    try:
        found = of_own(name)
    except BadOption as error:
        sys.exit(error.message)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(msgspec.json.encode(found))
    temporary.replace(target)


if __name__ == "__main__":
    main()
