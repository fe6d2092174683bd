"""What a schedule runs, as it was when its user signed it: another who can write here must not run code as that user.

That are the pipeline, its scripts, notebooks and flows, the script of a command, the modules that these import from
beside them, and those of src/, by content.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from cupola.errors import CupolaError
from cupola.jobs.code import source
from cupola.pipelines import definition
from cupola.pipelines.sources import Sources
from cupola.store import Store

if TYPE_CHECKING:
    from cupola.schedules.records import Schedule

SRC = "src"


def of(store: Store, action: str, arguments: dict[str, Any]) -> str:
    """The content of all that an action runs from the workspace: a digest for each part, as one text."""
    found: dict[str, Any] = {}
    for path, file in _files(store, action, arguments):
        part = SRC if path.startswith(f"{SRC}/") else path
        found.setdefault(part, hashlib.sha256()).update(
            f"{path}\0".encode() + hashlib.sha256(file.read_bytes()).digest()
        )
    return msgspec.json.encode({part: digest.hexdigest() for part, digest in sorted(found.items())}).decode()


def changed(store: Store, schedule: "Schedule") -> str:
    """What of it is no longer as it was signed; "" where all is, or where the schedule takes it as it comes."""
    if not schedule.code:
        return ""
    try:
        before = msgspec.json.decode(schedule.code, type=dict[str, str])
    except msgspec.MsgspecError:
        return "what it runs"
    now = msgspec.json.decode(of(store, schedule.action, schedule.arguments), type=dict[str, str])
    return next((part for part in sorted(before | now) if before.get(part) != now.get(part)), "")


def _files(store: Store, action: str, arguments: dict[str, Any]) -> Iterator[tuple[str, Path]]:
    named: list[str] = []
    if action == "pipeline run":
        named += _of_pipeline(store, str(arguments.get("pipeline")))
    if isinstance(flow := arguments.get("flow"), str):
        named.append(f"flows/{flow}.toml")
    command = arguments.get("command")
    named += map(str, command) if isinstance(command, list) else []
    for path in dict.fromkeys(named):
        file = store.root / path
        if not path.startswith("-") and file.is_file() and file.resolve().is_relative_to(store.root.resolve()):
            yield path, file
            yield from _beside(store, path, file)
    yield from sorted(source(store.root))


def _beside(store: Store, path: str, file: Path) -> Iterator[tuple[str, Path]]:
    """The modules outside of src/ that a script imports from its own directory, a notebook from the workspace's."""
    if file.suffix not in (".py", ".ipynb") or path.startswith(f"{SRC}/"):
        return
    place = Path() if file.suffix == ".ipynb" else Path(path).parent
    found = Sources({str(place): store.root / place})
    with contextlib.suppress(CupolaError):  # whoever runs it will say so
        (found.notebook if file.suffix == ".ipynb" else found.add)(path, file.read_bytes())
    yield from ((one, store.root / one) for one in sorted(found.texts) if one != path)


def _of_pipeline(store: Store, name: str) -> list[str]:
    """The file of a pipeline, and the scripts, notebooks and flows that its steps name."""
    found = [f"pipelines/{name}.toml", f"pipelines/{name}.py"]
    with contextlib.suppress(CupolaError):
        for step in definition.read(store, name)[0].steps:
            found += _named(step.arguments)
    return found


def _named(arguments: Any) -> Iterator[str]:
    for key, value in arguments.items() if isinstance(arguments, dict) else ():
        if key in ("script", "notebook") and isinstance(value, str):
            yield value
        elif key == "flow" and isinstance(value, str):
            yield f"flows/{value}.toml"
        elif isinstance(value, dict):
            yield from _named(value)
