"""`python -m cupola.pipelines.notebook`: the notebook of a NotebookJob, kept with what its cells have said.

Cells after the one with the tag "parameters" see the values that the step gives, as with papermill. It is kept after
each cell, and what cells print goes to the log at once: an hour that was interrupted is not an hour without a trace.
"""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import nbclient
import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbformat.v4 import new_code_cell

from cupola.errors import BadInput, WorkFailed
from cupola.jobs import attempt
from cupola.jobs.attempt import Attempt
from cupola.pipelines import fingerprints, processing, types
from cupola.pipelines.calling import OUTPUTS
from cupola.pipelines.workers import Outcome
from cupola.store import files

LONGEST = 24 * 3600  # seconds of a cell; the job's own limit is max_runtime
COLOURS = re.compile(r"\x1b\[[\d;]*m")  # IPython paints its tracebacks


class Client(nbclient.NotebookClient):  # type: ignore[misc]
    """Runs the cells of a notebook one after the other, and says and keeps what comes of each."""

    def __init__(self, attempt: Attempt, notebook: Any, target: str, kernel: str) -> None:
        where = {"metadata": {"path": str(attempt.store.root)}}
        super().__init__(notebook, timeout=LONGEST, kernel_name=kernel, resources=where)
        self.attempt, self.target = attempt, target
        self.places = [at for at, one in enumerate(notebook.cells) if one.cell_type == "code" and one.source.strip()]
        self.at = "its start"
        self.on_cell_execute, self.on_cell_executed = self._begin, self.keep

    def _begin(self, cell: Any, cell_index: int) -> None:
        before = self.places.index(cell_index)
        self.at = f"cell {before + 1} of {len(self.places)} ({cell.source.strip().splitlines()[0][:60]})"
        self.attempt.report(before / len(self.places), self.at)
        print(f"--- {self.at}", flush=True)

    def keep(self, **_: Any) -> None:
        """Writes the notebook as it is by now."""
        data = nbformat.writes(self.nb).encode()
        store = self.attempt.store
        self.attempt.with_room(partial(files.write_bytes, store, self.target, data, durable=False))

    def output(self, outs: Any, msg: Any, display_id: Any, cell_index: int) -> Any:
        """Takes what a cell has said, and says it in the log."""
        said = super().output(outs, msg, display_id, cell_index)
        if said is None:
            return said
        match said.output_type:
            case "stream":
                print(said.text, end="", flush=True)
            case "error":
                print(COLOURS.sub("", "\n".join(said.traceback)), flush=True)
            case _ if text := said.data.get("text/plain"):
                print(text, flush=True)
        return said


def work(attempt: Attempt) -> dict[str, Any]:
    """Does what the job's spec says, and gives what other steps can refer to."""
    spec = attempt.spec
    given = msgspec.convert(spec["arguments"], types.NotebookJob)
    root = attempt.store.root
    code = root / spec["code"]
    processing.check(attempt, spec["code"])
    directory = f"{spec['directory']}/outputs"
    (root / directory).mkdir(parents=True, exist_ok=True)
    os.environ[OUTPUTS] = str(root / directory)
    paths = [str(code / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)  # the kernel is a process of its own
    target = f"{directory}/{Path(given.notebook).name}"
    _run(attempt, fingerprints.place(code, given.notebook), target, given)
    whole: dict[str, Any] = msgspec.to_builtins(Outcome(outputs={"notebook": target}))
    return whole


def _run(attempt: Attempt, source: Path, target: str, given: types.NotebookJob) -> None:
    try:
        notebook = nbformat.read(source, as_version=4)
    except OSError as error:
        raise BadInput(f"it cannot be read: {error.strerror}", where=given.notebook) from None
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError) as error:
        raise BadInput(f"this is no notebook: {str(error).partition(chr(10))[0]}", where=given.notebook) from None
    _give(notebook, given.parameters)
    kernel = given.kernel or notebook.metadata.get("kernelspec", {}).get("name") or "python3"
    client = Client(attempt, notebook, target, kernel)
    try:
        client.execute()
    except NoSuchKernel:
        hint = "`jupyter kernelspec list` has those that there are; the step's `kernel` says which"
        raise BadInput(f"there is no Jupyter kernel {kernel!r} here", where=given.notebook, hint=hint) from None
    except nbclient.exceptions.CellExecutionError as error:
        said = COLOURS.sub("", f"{error.ename}: {error.evalue}").partition("\n")[0]
        raise WorkFailed(f"{client.at} failed: {said}", where=given.notebook) from None
    except nbclient.exceptions.DeadKernelError:
        raise WorkFailed(f"its kernel died at {client.at}", where=given.notebook) from None
    finally:
        client.keep()


def _give(notebook: Any, parameters: dict[str, Any]) -> None:
    """Puts a cell with the values behind the one with the tag "parameters", or before all others."""
    if not parameters:
        return
    text = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cells = notebook.cells
    places = [place for place, one in enumerate(cells) if "parameters" in one.metadata.get("tags", [])]
    cells.insert(places[0] + 1 if places else 0, new_code_cell(text, metadata={"tags": ["injected-parameters"]}))


if __name__ == "__main__":
    attempt.work(work)
