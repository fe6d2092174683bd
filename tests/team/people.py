"""Two real users with a group in common: commands run as each of them, with a umask of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

GROUP = 41_100
REPOSITORY = Path(__file__).parents[2]

# In a mount namespace of its own: where the interpreter lies below a directory that is closed to others ($1), that
# directory is covered by an open one that holds only what is needed ($2, paths by colons). Then it becomes the user.
AS_USER = """
set -e
closed=$1 needed=$2 mask=$3 uid=$4; shift 4
if [ -n "$closed" ]; then
    kept=$(mktemp -d); mount -t tmpfs -o mode=755 none "$kept"
    IFS=:; number=0
    for path in $needed; do
        number=$((number+1)); mkdir "$kept/$number"; mount --bind "$path" "$kept/$number"
    done
    mount -t tmpfs -o mode=755 none "$closed"; number=0
    for path in $needed; do
        number=$((number+1)); mkdir -p "$path"; mount --bind "$kept/$number" "$path"
    done
fi
umask "$mask"
exec setpriv --reuid "$uid" --regid "$uid" --groups "$GROUP" -- "$@"
"""


def possible() -> bool:
    """Whether this process may become other users, in a mount namespace of its own."""
    if os.getuid() != 0:
        return False
    try:
        return subprocess.run(["unshare", "-m", "setpriv", "--reuid", "1", "true"], check=False).returncode == 0
    except OSError:
        return False


class Person:
    """A user with a uid, a umask, and a home below `base`; shares the slots of the host with everybody."""

    def __init__(self, base: Path, uid: int, umask: str, share: Path) -> None:
        self.uid, self.umask, self.share = uid, umask, share
        self.name = f"uid{uid}"
        self.home = base / self.name
        self.home.mkdir(mode=0o700)
        os.chown(self.home, uid, uid)
        homes = {"HOME": "", "XDG_CONFIG_HOME": "config", "XDG_CACHE_HOME": "cache", "XDG_STATE_HOME": "state"}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "CUPOLA_"))},
            **{name: str(self.home / below) for name, below in homes.items()},
            "CUPOLA_RUNTIME_DIR": str(self.home / "runtime"),
            "CUPOLA_SLOTS_DIR": str(base / "slots"),
            "GROUP": str(GROUP),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def runs(self, *command: str) -> subprocess.CompletedProcess[str]:
        """A command as this user, in the shared directory."""
        closed, needed = _closed()
        words = ["unshare", "-m", "sh", "-c", AS_USER, "sh", closed, needed, self.umask, str(self.uid), *command]
        return subprocess.run(
            words, cwd=self.share, env=self.environment, capture_output=True, text=True, timeout=180, check=False
        )

    def cupola(self, *words: str) -> list[str]:
        """The command line of a cupola command; what follows a -- stays behind it."""
        options = list(words)
        if "--" in options and options[-1] == "--json":
            options.insert(options.index("--"), options.pop())
        return [sys.executable, "-P", "-m", "cupola_tui", *options]

    def does(self, *words: str) -> Any:
        """A cupola command that goes well; the record that it prints."""
        done = self.runs(*self.cupola(*words, "--json"))
        assert done.returncode == 0, f"{self.name}: cupola {' '.join(words)}: {done.stderr}"
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        return lines[0] if len(lines) == 1 else lines

    def python(self, program: str, *words: str) -> str:
        """What a Python program prints as this user."""
        done = self.runs(sys.executable, "-P", "-c", program, *words)
        assert done.returncode == 0, done.stderr
        return done.stdout


def _closed() -> tuple[str, str]:
    """The directory above the interpreter that keeps others out, "" if none does, and what is needed below it."""
    wanted = [Path(sys.base_prefix).resolve(), Path(sys.prefix), REPOSITORY]
    for path in wanted:
        for above in reversed(path.parents):
            if not above.stat().st_mode & 0o001:
                return str(above), ":".join(str(one) for one in wanted if above in one.parents)
    return "", ""
