"""What a script runs on: its code, its Python and the packages that it has loaded, and what it takes of the machine."""

import contextlib
import os
import resource
import sys
import threading
import time
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

from cupola.store import runtime
from cupola.training import code

# Distributions that neither say what they are imported as nor are called so; their lists of files are long to read.
MODULES = {
    "scikit-learn": "sklearn",
    "scikit-image": "skimage",
    "pillow": "PIL",
    "opencv-python": "cv2",
    "pyyaml": "yaml",
}
PATIENCE = 30.0  # seconds that the end of the first run waits for what git says: a busy disk may take as long


class Surroundings(threading.Thread):
    """What is looked up once a process, beside the script: the code as it was when the first run began."""

    def __init__(self) -> None:
        super().__init__(name="cupola-surroundings", daemon=True)
        self.commit: str | None = None
        self.dirty = False
        self.patch: bytes | None = None
        self.distributions: dict[str, tuple[str, str]] = {}  # name and version by top-level module
        self.known = threading.Event()
        self._loaded = 0
        self._packages: dict[str, str] = {}

    def run(self) -> None:
        try:
            self.distributions = _distributions()
            self.commit, self.dirty, self.patch = code.of(*_places())
        finally:
            self.known.set()

    def packages(self) -> dict[str, str]:
        """Name and version of the packages that are loaded now."""
        if self._loaded != len(sys.modules) or not self._packages:
            self._loaded = len(sys.modules)
            loaded = {name.partition(".")[0] for name in list(sys.modules)}
            self._packages = dict(sorted(found for module, found in self.distributions.items() if module in loaded))
        return self._packages


@lru_cache(maxsize=1)
def look() -> Surroundings:
    """Begins to look, the first time that it is called in a process."""
    found = Surroundings()
    found.start()
    return found


@lru_cache(maxsize=1)
def process() -> runtime.Process:
    """This process."""
    return runtime.current()


os.register_at_fork(after_in_child=look.cache_clear)
os.register_at_fork(after_in_child=process.cache_clear)


def environment() -> dict[str, Any]:
    """What is known at once. Arguments of the script are left out: they may hold a secret."""
    script = sys.argv[0] if sys.argv and sys.argv[0] not in ("", "-c", "-m") else ""
    found = {"python": sys.version.partition(" ")[0], "executable": sys.executable, "script": script}
    return {name: value for name, value in found.items() if value}


class Meter:
    """Seconds and CPU time from here on."""

    def __init__(self) -> None:
        self.begun, self.cpu = time.perf_counter(), _cpu()

    def usage(self) -> dict[str, Any]:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        seconds = time.perf_counter() - self.begun
        return {"seconds": round(seconds, 3), "cpu_seconds": round(_cpu() - self.cpu, 3), "peak_memory": peak}


def _cpu() -> float:
    spent = resource.getrusage(resource.RUSAGE_SELF)
    return spent.ru_utime + spent.ru_stime


def _places() -> list[Path]:
    """Where the code may be under version control: beside the script, else where it was started."""
    main = getattr(sys.modules.get("__main__"), "__file__", None)
    places = [Path(main).absolute().parent] if main else []
    with contextlib.suppress(FileNotFoundError):
        places.append(Path.cwd())
    return places


def _distributions() -> dict[str, tuple[str, str]]:
    found = {}
    for one in metadata.distributions():
        name = one.metadata["Name"]
        if not name:  # what an uninstall has left behind
            continue
        modules = (one.read_text("top_level.txt") or "").split() or [MODULES.get(name.lower(), name.replace("-", "_"))]
        found.update(dict.fromkeys(modules, (name, one.version)))
    return found
