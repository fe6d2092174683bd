"""`python -m cupola.registry DIRECTORY`: loads own Python or a chain that is staged, and writes what it says.

Of a chain stdin has the sha256 of its members' files.
"""

import sys
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import CupolaError
from cupola.registry import contents, custom, models, signature
from cupola.registry.records import Member
from cupola.runtimes.frames import Frames
from cupola.runtimes.tables import Table


def main() -> None:
    directory = Path(sys.argv[1])
    if (directory / contents.CHAIN).is_file():
        join(directory, msgspec.json.decode(sys.stdin.buffer.read(), type=dict[str, str]))
    else:
        own_python(directory)


def own_python(directory: Path) -> None:
    module = msgspec.json.decode((directory / contents.PYTHON).read_bytes(), type=contents.OwnPython).module
    signed = signature.decode((directory / signature.FILE).read_bytes())
    sample = msgspec.json.decode((directory / contents.SAMPLE).read_bytes(), type=list[dict[str, Any]])
    try:
        model = models.Model(custom.loaded(directory, module), signed, sample, by_row=False)
        names = [one.name for one in signed.columns]
        frame = Frames(signed).frame(Table(names, [[row[name] for row in sample] for name in names], len(sample)))
        said = model.predict(frame)
    except CupolaError as error:
        sys.exit(error.message)
    except Exception as error:  # noqa: BLE001  own code can fail in any way
        sys.exit(f"{module}.predict failed: {type(error).__name__}: {error}")
    (directory / contents.ANSWERS).write_bytes(msgspec.json.encode(models.answers_of(said)))


def join(directory: Path, hashes: dict[str, str]) -> None:
    """Writes what the members of a chain make together. Their files are what was registered; all may be loaded."""
    from cupola.registry import chains

    members = msgspec.json.decode((directory / contents.CHAIN).read_bytes(), type=list[Member])
    try:
        found = chains.members(contents.read(directory, hashes), hashes, directory, members, pickle_trusted=True)
        joined = chains.joined(members, found)
    except CupolaError as error:
        cause = error.__cause__
        own = f": {type(cause).__name__}: {cause}" if cause and not isinstance(cause, CupolaError | ValueError) else ""
        sys.exit((error.message + own).replace("\n", " "))
    said = {
        contents.CHAIN: joined.members,
        signature.FILE: joined.signature,
        contents.SAMPLE: joined.sample,
        contents.ANSWERS: joined.answers,
    }
    for name, content in said.items():
        (directory / name).write_bytes(msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n")


if __name__ == "__main__":
    main()
