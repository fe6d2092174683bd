"""What may be trained in this environment: scikit-learn's estimators and those of the boosted-tree libraries that are
installed, their parameters, and the values these take.

Reading the catalogue imports nothing heavy. It is built once per environment, by the warm starter or by the first who
asks (`python -m cupola.environments`), from what scikit-learn itself checks, and lies in the user's cache.
"""

import functools
import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import AgentTrouble, BadOption, meant

FORMAT = 3
PACKAGES = ("scikit_learn", "numpy", "scipy", "lightgbm", "xgboost", "xgboost_cpu")


class Constraint(msgspec.Struct, frozen=True, omit_defaults=True):
    """One kind of value that a parameter takes; a parameter takes what any of its constraints takes.

    kind: "integer", "number", "boolean", "none", "option" (one of `options`), "text", "list", "dict", "infinity",
    "estimator" (another estimator, by name), "estimators" (a list of their names), or "any" (nothing is known of it).
    low, high: bounds, None where there is none; open_low, open_high: the bound itself is not taken.
    """

    kind: str
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    options: tuple[str, ...] = ()


class Parameter(msgspec.Struct, frozen=True, omit_defaults=True):
    """A parameter of an estimator. default: None also where it is no plain value; `shown` is how Python writes it."""

    name: str
    default: Any = None
    shown: str = "None"
    required: bool = False
    constraints: tuple[Constraint, ...] = ()
    help: str = ""


class Estimator(msgspec.Struct, frozen=True, omit_defaults=True):
    """An estimator as it can be trained by name.

    kind: "classifier", "regressor", "clusterer" or "detector" (of anomalies). step: the parameter that counts its
    steps where a fit can be continued ("max_iter", "n_estimators"); staged: it can predict as of each step once fitted.
    weights: takes weights of rows. missing: takes missing numbers. positive: takes no negative numbers. categorical:
    takes categories as such. refused: why it cannot be trained by its name; empty where it can.
    """

    name: str
    kind: str
    module: str
    parameters: dict[str, Parameter]
    probabilities: bool = False
    step: str = ""
    staged: bool = False
    weights: bool = False
    missing: bool = False
    positive: bool = False
    categorical: bool = False
    refused: str = ""


class Catalogue(msgspec.Struct, frozen=True):
    """All estimators of one environment, by name."""

    format: int
    versions: dict[str, str]
    estimators: dict[str, Estimator]


def load() -> dict[str, Estimator]:
    """The estimators of this environment by name; builds the catalogue where there is none yet (some seconds)."""
    return _read(str(path()), True).estimators


def find(name: str) -> Estimator:
    """The estimator of that name, also of the workspace's own. Raises BadOption, with the names that come close."""
    if ":" in name:
        from cupola.environments import own

        return own.find(name)
    known = load()
    if name in known:
        return known[name]
    hint = meant(name, known, "any estimator of scikit-learn by its name", 3)
    raise BadOption(f"there is no estimator called {name!r}", where="--estimator", hint=hint)


def path() -> Path:
    """Where the catalogue of this environment lies; the name changes with Python, scikit-learn and this format."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path("~/.cache").expanduser())
    return Path(base) / "cupola" / f"catalogue-{fingerprint()}.json"


@functools.cache
def fingerprint() -> str:
    """A short name for what the catalogue depends on, found without importing any of it."""
    versions = sorted(f"{name} {version}" for name, version in _versions().items())
    return hashlib.sha256("\n".join([str(FORMAT), sys.version, sys.prefix, *versions]).encode()).hexdigest()[:16]


def build() -> Path:
    """Writes the catalogue unless it is there. Heavy: imports all of scikit-learn."""
    import fcntl

    target = path()
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            from cupola.environments.scan import estimators

            found = Catalogue(format=FORMAT, versions=_versions(), estimators=estimators())
            temporary = target.with_suffix(f".{os.getpid()}.tmp")
            temporary.write_bytes(msgspec.json.encode(found))
            temporary.replace(target)
    return target


@functools.lru_cache(maxsize=4)
def _read(file: str, may_build: bool) -> Catalogue:
    try:
        return msgspec.json.decode(Path(file).read_bytes(), type=Catalogue)
    except (FileNotFoundError, msgspec.DecodeError) as trouble:
        if not may_build:
            raise AgentTrouble(
                "the catalogue of estimators could not be built", where=file, hint=str(trouble)
            ) from None
        if not isinstance(trouble, FileNotFoundError):
            Path(file).unlink(missing_ok=True)
    ended = subprocess.run([sys.executable, "-m", "cupola.environments"], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise _not_built(file, (ended.stderr.strip().splitlines() or ["it ended without a word"])[-1])
    return _read(file, False)


def _not_built(file: str, why: str) -> AgentTrouble:
    return AgentTrouble("the catalogue of estimators could not be built", where=file, hint=why)


@functools.cache
def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for directory in sys.path:
        try:
            entries = os.scandir(directory or ".")
        except OSError:
            continue
        for name in (entry.name for entry in entries):
            package, _, rest = name.partition("-")
            if package in PACKAGES and rest.endswith(".dist-info"):
                found.setdefault(package, rest.removesuffix(".dist-info"))
    return found
