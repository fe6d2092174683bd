"""`python -m cupola.pipelines.notebook`: the notebook of a NotebookJob, kept with what its cells have said.

Cells after the one with the tag "parameters" see the values that the step gives, as with papermill.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from cupola.errors import BadInput, NotReady, WorkFailed
from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt
from cupola.pipelines import fingerprints, processing, types
from cupola.pipelines.doing import OUTPUTS
from cupola.pipelines.workers import Outcome

NEEDED = ("nbclient", "nbformat", "ipykernel")
LONGEST = 24 * 3600  # seconds of a cell; the job's own limit is --max-runtime


def check() -> None:
    """Raises NotReady where the libraries for notebooks are not installed."""
    missing = [one for one in NEEDED if find_spec(one) is None]
    if missing:
        hint = f"install {' '.join(NEEDED)} in the environment of the agent"
        raise NotReady(f"a NotebookJob needs what is not installed: {', '.join(missing)}", hint=hint)


def work(attempt: Attempt) -> dict[str, Any]:
    """Does what the job's spec says, and gives what other steps can refer to."""
    check()
    spec = attempt.spec
    given = msgspec.convert(spec["arguments"], types.NotebookJob)
    root = attempt.store.root
    processing.check(attempt, spec["code"])
    outputs = root / spec["directory"] / "outputs"
    outputs.mkdir(parents=True, exist_ok=True)
    os.environ[OUTPUTS] = str(outputs)
    path = outputs / Path(given.notebook).name
    _run(fingerprints.place(root / spec["code"], given.notebook), path, given, root)
    made = Outcome(outputs={"notebook": str(path.relative_to(root))})
    whole: dict[str, Any] = msgspec.to_builtins(made)
    return whole


def _run(source: Path, target: Path, given: types.NotebookJob, root: Path) -> None:
    import nbclient
    import nbformat

    try:
        notebook = nbformat.read(source, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError) as error:
        raise BadInput(f"this is no notebook: {str(error).partition(chr(10))[0]}", where=given.notebook) from None
    _give(notebook, given.parameters)
    kernel = given.kernel or notebook.metadata.get("kernelspec", {}).get("name") or "python3"
    client = nbclient.NotebookClient(
        notebook, timeout=LONGEST, kernel_name=kernel, resources={"metadata": {"path": str(root)}}
    )
    try:
        client.execute()
    except nbclient.exceptions.CellExecutionError as error:
        raise WorkFailed(f"a cell failed: {error.ename}: {error.evalue}", where=given.notebook) from None
    finally:
        nbformat.write(notebook, target)


def _give(notebook: Any, parameters: dict[str, Any]) -> None:
    """Puts a cell with the values behind the one with the tag "parameters", or before all others."""
    if not parameters:
        return
    from nbformat.v4 import new_code_cell

    text = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cells = notebook.cells
    places = [place for place, one in enumerate(cells) if "parameters" in one.metadata.get("tags", [])]
    cells.insert(places[0] + 1 if places else 0, new_code_cell(text, metadata={"tags": ["injected-parameters"]}))


if __name__ == "__main__":
    attempt.work(work)
