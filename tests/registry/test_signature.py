"""A signature knows how the source of the data was written."""

from pathlib import Path

from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.registry import signature
from cupola.registry.signature import PLAIN, Writing
from cupola.workspace import Workspace


def written(ws: Workspace, tmp_path: Path, text: str, options: ImportOptions) -> Writing:
    (tmp_path / "source").write_text(text)
    return signature.writing(importing.run(ws.store, "d", tmp_path / "source", options, lambda *_: None))


def test_what_the_import_found_and_was_told(ws: Workspace, tmp_path: Path) -> None:
    european = 'price;share;kind\n1.234,50;0,5;a\n5,00;?;"b;c"\n'
    asked = ImportOptions(decimal=",", missing=["?"], types={"price": "number", "kind": "text"})
    expected = Writing(delimiter=";", commas=True, thousands=["price"], missing=["?"])
    assert written(ws, tmp_path, european, asked) == expected
    assert written(ws, tmp_path, "a\tb\n0,5\tx\n", ImportOptions()) == Writing(delimiter="\t", commas=True)
    escaped = "a,b\n" + "'x\\'y, z','1'\n" * 3
    assert written(ws, tmp_path, escaped, ImportOptions()) == Writing(quote="'", escaped=True)


def test_a_plain_source_is_plain(ws: Workspace, tmp_path: Path) -> None:
    assert written(ws, tmp_path, "a,b\n1,x\n", ImportOptions()) == PLAIN
    assert written(ws, tmp_path, '{"a": 1}\n', ImportOptions()) == PLAIN
