"""A flow as a file that needs no Cupola: plain Python that gives the same rows, or a step of a pipeline."""

import ast
import inspect
import json
import textwrap
from pathlib import Path
from typing import Any

import msgspec

from cupola.datasets import records as datasets
from cupola.errors import CupolaError
from cupola.flows import records
from cupola.flows.asked import Asked
from cupola.flows.records import Fitted, Flow
from cupola.store import Store, files
from cupola.store.trouble import disk

HEAD = '''"""The flow {flow} as plain Python: DuckDB{frames}, and nothing of Cupola.

python {file} RESULT.parquet [SOURCE=FILE.parquet ...]

It gives the rows that `cupola flow run {flow}` made of {inputs}. What the steps had learned from the
training part stands in their SQL as numbers, so it also prepares new rows of the same columns. In each
table __row__ is the order of the rows, and __train__ says which of them train.
"""

import sys

import duckdb
'''
TAIL = '''
    return connection.sql("""{result}""")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: python {{sys.argv[0]}} RESULT.parquet [SOURCE=FILE.parquet ...]")
    sources = SOURCES | dict(one.split("=", 1) for one in sys.argv[2:])
    prepare(duckdb.connect(), sources).write_parquet(sys.argv[1])
'''


def answer(store: Store, flow: dict[str, Any], step: str | None, path: str) -> None:
    """Writes the Python of a flow; runs in the process that answers questions to data."""
    import tempfile

    from cupola.flows import executing, running

    found = msgspec.convert(flow, Flow)
    versions = {id: datasets.find(store, ref) for id, ref in found.sources.items()}
    asked = Asked(flow=found, inputs={id: one.ref for id, one in versions.items()}, dataset=found.name, step=step)
    paths = {id: datasets.data_path(store, one) for id, one in versions.items()}
    with tempfile.TemporaryDirectory(prefix="cupola-flow-") as place:
        spill = Path(place)
        connection = executing.connect(
            [*paths.values()], memory="1GB", database=spill / "steps.duckdb", spill=spill / "spill"
        )
        with connection:
            fitted, execution = running.fit(store, asked, versions, connection, known=made_before(store, asked))
            text = written(fitted, execution, asked, paths, Path(path).name)
    with disk(path):
        Path(path).write_text(text)


def made_before(store: Store, asked: Asked) -> Fitted | None:
    """What the same flow had learned from the same data, where it has made a dataset of it."""
    wanted = records.flow_hash(asked.flow, asked.inputs, asked.step)
    for version in reversed(datasets.versions(store, asked.dataset)):
        if version.made and version.made.sha256 == wanted:
            try:
                return msgspec.json.decode(
                    files.read_bytes(store, f"{version.directory}/{records.FITTED}"), type=Fitted
                )
            except (CupolaError, msgspec.MsgspecError):
                return None
    return None


def written(fitted: Fitted, execution: Any, asked: Asked, paths: dict[str, Path], file: str) -> str:
    """The text of the file."""
    from cupola.flows.transforms.custom import Python, Smote

    frames = [one for one in execution.done if one.frame is not None]
    inputs = ", ".join(ref.rpartition("-")[0] for ref in asked.inputs.values())
    parts = [HEAD.format(flow=fitted.flow, file=file, inputs=inputs, frames=" and pandas" if frames else "")]
    if frames:
        parts.append("import numpy as np\nimport pandas as pd\nimport pyarrow as pa\n")
    parts.append(f"\nSOURCES = {json.dumps({id: str(path) for id, path in paths.items()}, indent=4)}\n")
    if any(isinstance(one.frame, Smote) for one in frames):
        from cupola.flows import neighbours

        source = inspect.getsource(neighbours.smote).replace("Any", "pd.DataFrame")
        parts.append(f"\n\n{source}")
    parts += [f"\n\n{_function(one.id, one.frame.code)}" for one in frames if isinstance(one.frame, Python)]
    parts.append(
        '\n\ndef prepare(connection, sources):\n    """The rows that the flow makes of Parquet files, as a relation."""'
    )
    types = {one.id: one.type for one in fitted.steps}
    for one in execution.done:
        parts.append(_statement(one, types.get(one.id), paths, execution, fitted))
    last = fitted.steps[-1].id if fitted.steps else fitted.source
    parts.append(TAIL.format(result=_raw(execution.result(last))))
    return "".join(parts)


def _statement(done: Any, type: str | None, paths: dict[str, Path], execution: Any, fitted: Fitted) -> str:
    from cupola.datasets.sql import literal
    from cupola.flows.transforms.custom import Python

    title = f"the source {done.id}" if not type else type if type == done.id else f"{done.id}: {type}"
    if done.frame is not None:
        call = (
            f"{_name(done.id)}(frame.drop(columns='__train__')).reset_index(drop=True)"
            if isinstance(done.frame, Python)
            else _smote(done.frame, fitted)
        )
        return (
            f'\n    # {title}\n    frame = connection.execute("""{_raw(done.sql)}""").df()\n'
            f"    frame = {call}\n"
            f'    connection.register("__made__", pa.Table.from_pandas(frame, preserve_index=False))\n'
        )
    text = _raw(done.sql)
    if type is None and done.id in paths:
        path = _raw(literal(str(paths[done.id])))
        text = text.replace("{", "{{").replace("}", "}}").replace(path.replace("{", "{{").replace("}", "}}"), "{path}")
        return (
            f'\n    # {title}\n    path = "\'" + sources[{done.id!r}].replace("\'", "\'\'") + "\'"\n'
            f'    connection.execute(f"""{text}""")\n'
        )
    return f'\n    # {title}\n    connection.execute("""{text}""")\n'


def _smote(params: Any, fitted: Fitted) -> str:
    from cupola.flows.transforms.custom import smote_target

    target = smote_target(params, fitted.target)
    return f"smote(frame, {target!r}, {params.neighbours}, {fitted.seed}, '__train__')"


def _raw(statement: str) -> str:
    """A statement between three quotation marks."""
    escaped = statement.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return escaped[:-1] + '\\"' if escaped.endswith('"') else escaped


def _name(id: str) -> str:
    return "step_" + "".join(one if one.isalnum() else "_" for one in id)


def _function(id: str, code: str) -> str:
    """The Python of a step as a function of df; as text, where it could not be indented without changing it."""
    tree = ast.parse(code)
    spans = any(
        isinstance(one, ast.Constant | ast.JoinedStr) and one.lineno != one.end_lineno for one in ast.walk(tree)
    )
    declares = any(isinstance(one, ast.Global | ast.Nonlocal | ast.FunctionDef | ast.Lambda) for one in ast.walk(tree))
    if spans or declares:
        body = f"    names = {{'df': df, 'pd': pd, 'np': np}}\n    exec({code!r}, names)\n    return names['df']\n"
    else:
        body = textwrap.indent(code.rstrip() + "\nreturn df\n", "    ")
    return f"def {_name(id)}(df):\n{body}"


def pipeline(flow: Flow, path: Path) -> None:
    """Writes a pipeline whose one step runs the flow; another pipeline may take the step over."""
    import tomlkit

    document = tomlkit.document()
    document.add("description", f"Runs the flow {flow.name}.")
    step = tomlkit.table()
    step.add("type", "Processing")
    step.add("flow", flow.name)
    steps = tomlkit.table(is_super_table=True)
    steps.add(_name(flow.name).removeprefix("step_"), step)
    document.add("steps", steps)
    with disk(str(path)):
        path.write_text(tomlkit.dumps(document))
