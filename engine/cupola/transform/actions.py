"""What a user can do with many rows at once: transform a file of them."""

import os
import sys
from pathlib import Path
from typing import Annotated

import msgspec

from cupola import place
from cupola.actions import Arg, action
from cupola.errors import BadInput, BadOption
from cupola.jobs import amounts
from cupola.jobs import records as jobs
from cupola.registry import records as registry
from cupola.registry.signature import Signature
from cupola.runtimes.tables import Columns, Table
from cupola.serving import payloads
from cupola.store import names
from cupola.store.trouble import disk
from cupola.transform import chunks
from cupola.transform.records import KIND, Asked, Form, Strategy
from cupola.workspace import Workspace

FORMS: dict[str, Form] = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
SAMPLE = 64 << 10  # bytes of a CSV that are looked at before the job is filed
PROCESSES = 2  # where nobody says how many: as one of them waits for the disk, the other predicts


class Transformed(msgspec.Struct, kw_only=True):
    """A transform: its job, the model, and once it has ended how many rows are in the output."""

    job: str
    model: str
    input: str
    output: str
    status: str = "Queued"
    rows: int | None = None


@action("transform", waits="job", about="model")
def transform(
    ws: Workspace,
    model: Annotated[str, Arg(help="a model: churn, churn@3, churn@champion", completes="model")],
    input: Annotated[str, Arg(help="the rows: a file that ends in .csv, .jsonl or .parquet", completes="file")],
    output: Annotated[str, Arg(help="the file to write: .csv, .jsonl or .parquet", completes="file")],
    *,
    join: Annotated[bool, Arg(help="each row of the input before its prediction")] = False,
    strategy: Annotated[Strategy, Arg(help="many records at once to the model, or one by one")] = "MultiRecord",
    input_filter: Annotated[
        str | None, Arg(help="a JMESPath expression: what of each record goes to the model")
    ] = None,
    output_filter: Annotated[
        str | None, Arg(help="a JMESPath expression: what of each result (with --join of both) is written")
    ] = None,
    overwrite: Annotated[bool, Arg(help="replace an output that is there")] = False,
    cpus: Annotated[int | None, Arg(help="how many processes work on it (default: 2, where there are as many)")] = None,
    memory: Annotated[str | None, Arg(help="the most memory that it may use: 512M, 2G")] = None,
) -> Transformed:
    """Predict every row of a file into another file, in the background, in any size.

    The rows are read as an endpoint reads them, and the order is kept. The output appears when it is whole; a transform
    that was interrupted goes on where it was, with the same output byte by byte.
    """
    version = registry.find(ws.store, model)
    source, target = place.path(input), place.path(output)
    asked = Asked(
        model=version.ref,
        input=str(source),
        output=str(target),
        reads=_form(source, "INPUT"),
        writes=_form(target, "OUTPUT"),
        join=join,
        strategy=strategy,
        input_filter=_expression(input_filter, "--input-filter"),
        output_filter=_expression(output_filter, "--output-filter"),
    )
    if not source.is_file():
        raise BadInput("there is no such file", where=str(source))
    if target.is_dir() or (target.exists() and not overwrite):
        raise BadInput("something is there already", where=str(target), hint="--overwrite replaces a file")
    if not target.parent.is_dir():
        raise BadInput("there is no such directory", where=str(target.parent))
    if target.resolve().is_relative_to(ws.store.root):
        raise BadOption(f"{target} lies in the workspace", where="OUTPUT", hint="give a place outside of it")
    _check_written(asked)
    _check_columns(asked, version.signature)
    job = jobs.file(
        ws.store,
        kind=KIND,
        name=f"{version.name}-{version.version}-transform",
        command=[sys.executable, "-m", "cupola.transform"],
        spec=msgspec.to_builtins(asked),
        cpus=min(PROCESSES, os.cpu_count() or 1) if cpus is None else cpus,
        memory=amounts.size(memory),
        only_on=names.who()[1],
        checkpoints=True,
    )
    return Transformed(job=job.id, model=version.ref, input=asked.input, output=asked.output)


def _form(path: Path, where: str) -> Form:
    found = FORMS.get(path.suffix.lower())
    if found is None:
        packed = path.suffix.lower() in (".gz", ".bz2", ".xz", ".zst")
        hint = "packed files are neither read nor written" if packed else "it is to end in .csv, .jsonl or .parquet"
        raise BadOption(f"{path.name!r} does not say what it is", where=where, hint=hint)
    return found


def _check_written(asked: Asked) -> None:
    """Raises BadOption for what has no columns of one type all along, and is to become Parquet."""
    if asked.writes == "parquet" and (asked.output_filter or (asked.join and asked.reads == "jsonl")):
        option = "--output-filter" if asked.output_filter else "--join of JSON Lines"
        raise BadOption(f"{option} does not make a table", where="OUTPUT", hint="write .jsonl or .csv")


def _check_columns(asked: Asked, signature: Signature) -> None:
    """Raises BadInput where the first rows of a CSV say already that they are not the model's."""
    if asked.reads != "csv" or asked.input_filter:
        return
    form = Columns(signature).form
    try:
        with disk(asked.input), open(asked.input, "rb") as file:  # noqa: PTH123
            quote, escaped, header = chunks.head(file.fileno(), form)
            first = next(chunks.cut(file.fileno(), 0, SAMPLE, quote, escaped), None)
            rows = os.pread(file.fileno(), first.end, 0) if first else b""
        if rows[len(header) :].strip():
            Columns(signature).of(payloads.read_csv(payloads.text(rows), form))
        elif header:
            names = chunks.names(header, form) or []
            Columns(signature).of(Table(names, [[] for _ in names], 0))
    except BadInput as error:
        raise BadInput(error.message, where=asked.input, hint=error.hint) from None


def _expression(text: str | None, where: str) -> str | None:
    import jmespath
    from jmespath.exceptions import JMESPathError

    if text is not None:
        try:
            jmespath.compile(text)
        except JMESPathError as error:
            raise BadOption(f"this is not JMESPath: {' '.join(str(error).split())[:200]}", where=where) from None
    return text
