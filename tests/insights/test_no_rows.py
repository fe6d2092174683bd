"""A version without rows, as a flow may make one."""

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from cupola.datasets.records import Column, ColumnProfile, DatasetVersion, Profile
from cupola.insights import examining
from cupola.workspace import Workspace


def test_a_version_without_rows_is_said_to_have_none(workspace: Workspace) -> None:
    types = {
        "n": ("number", pa.float64()),
        "t": ("text", pa.string()),
        "d": ("date", pa.date32()),
        "y": ("boolean", pa.bool_()),
    }
    version = DatasetVersion(
        id="abcd", dataset="empty", version=1, rows=0, columns=[Column(name=one, type=types[one][0]) for one in types],
        target="y", sha256="", data_sha256="", source="", source_format="parquet", bytes=0, user="", host="",
        imported="",
    )  # type: ignore[arg-type]  # fmt: skip
    directory = workspace.root / version.directory
    directory.mkdir(parents=True)
    pq.write_table(
        pa.schema([(one, kind) for one, (_, kind) in types.items()]).empty_table(), directory / "data.parquet"
    )
    shapes = [ColumnProfile(name=one.name, type=one.type, missing=0, distinct=0) for one in version.columns]
    (directory / "profile.json").write_bytes(msgspec.json.encode(Profile(rows=0, columns=shapes)))
    made = examining.report(workspace.store, version, "y", lambda *_: None)
    assert (
        made.warnings == []
        and made.notes == ["it has no rows"]
        and made.sample == 0
        and "Nothing is amiss" in made.text
    )
