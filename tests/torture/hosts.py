"""Two hosts on one machine: each has its own name, agent, caches and slots; their user is one, with one key."""

import os
import subprocess
import sys
from pathlib import Path

NAMES = ("host-a", "host-b")


def variables(home: Path, name: str) -> dict[str, str]:
    """The environment of a process of that host; `home` is short, since sockets lie there."""
    own = home / name
    own.mkdir(mode=0o700, parents=True, exist_ok=True)
    (home / "place").mkdir(exist_ok=True)
    return {
        **os.environ,
        "CUPOLA_HOST": name,
        "CUPOLA_HERE": str(home / "place"),
        "CUPOLA_RUNTIME_DIR": str(own / "run"),
        "CUPOLA_SLOTS_DIR": str(own / "slots"),
        "XDG_STATE_HOME": str(own / "state"),
        "XDG_CACHE_HOME": str(own / "cache"),
        "XDG_CONFIG_HOME": str(home / "config"),
    }


def stop(home: Path) -> None:
    """Stops the agents of both, with all that they run."""
    for name in NAMES:
        command = [sys.executable, "-m", "cupola.agent", "stop", "--jobs"]
        subprocess.run(command, env=variables(home, name), timeout=120, capture_output=True, check=False)
