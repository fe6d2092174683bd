"""`python -m cupola.pipelines.processing`: the script or the function of a Processing step, as a job of its own."""

import hashlib
import os
import runpy
import sys
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadInput, Corrupt
from cupola.jobs import attempt, code
from cupola.jobs import wish as wishes
from cupola.jobs.attempt import Attempt
from cupola.pipelines import calling, fingerprints, records, types
from cupola.pipelines.workers import Outcome


def work(attempt: Attempt) -> dict[str, Any]:
    """Does what the job's spec says, and gives what other steps can refer to."""
    spec = attempt.spec
    given = msgspec.convert(spec["arguments"], types.Processing)
    root = attempt.store.root
    where = root / spec["code"]
    check(attempt, spec["code"])
    outputs = root / spec["directory"] / "outputs"
    outputs.mkdir(parents=True, exist_ok=True)
    os.environ[calling.OUTPUTS] = str(outputs)
    os.chdir(root)
    if given.function:
        execution = records.read(attempt.store, spec["pipeline"], spec["execution"])
        if hashlib.sha256(execution.text.encode()).hexdigest() != spec["text"]:
            raise Corrupt("execution.json is not what was filed", where=execution.directory)
        made = calling.call(execution, given.function, given.parameters, where)
    else:
        _run(fingerprints.place(where, str(given.script)), [str(one) for one in given.arguments], where)
        made = _left(outputs)
    whole: dict[str, Any] = msgspec.to_builtins(gathered(made, given, outputs, spec["directory"]))
    return whole


def check(attempt: Attempt, path: str) -> None:
    """Refuses code that is not what was filed with the job that drives the execution. Raises Corrupt."""
    driver = wishes.read(attempt.store, path.rpartition("/")[0])
    if driver.code and (found := code.changed(attempt.store.root / path, driver.code)):
        raise Corrupt(f"{found} is not what was filed", where=path)


def gathered(made: Outcome, given: Any, outputs: Path, directory: str) -> Outcome:
    """What a step has made, with the files that it was to write. Raises BadInput where one is not there."""
    for name, file in given.outputs.items():
        if not (outputs / file).exists():
            raise BadInput(f"it has not written its output {name}", where=file, hint=f"to ${calling.OUTPUTS}/{file}")
        made.outputs[name] = f"{directory}/outputs/{file}"
    for name, file in given.property_files.items():
        try:
            made.properties[name] = msgspec.json.decode((outputs / file).read_bytes())
        except OSError:
            raise BadInput(f"it has not written its property file {name}", where=file) from None
        except msgspec.MsgspecError as error:
            raise BadInput(f"its property file {name} is no JSON: {error}", where=file) from None
    return made


def _run(script: Path, arguments: list[str], where: Path) -> None:
    """Runs a script as Python would: its own directory first, then src/."""
    sys.argv = [str(script), *arguments]
    sys.path[:0] = [str(script.parent), str(where / "src")]
    try:
        runpy.run_path(str(script), run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise


def _left(outputs: Path) -> Outcome:
    """What a script has left in outputs.json."""
    path = outputs / "outputs.json"
    return calling.returned(msgspec.json.decode(path.read_bytes()), "outputs.json") if path.is_file() else Outcome()


if __name__ == "__main__":
    attempt.work(work)
