"""What the screen asks of companions through the bridge's calls: rows of a grid, flows before they are written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cupola import calls, companions, details
from cupola.datasets import importing
from cupola.datasets.records import ImportOptions
from cupola.errors import BadInput, BadOption, Conflict
from cupola.workspace import Workspace

ROWS = [("amber", 3), ("blue", None), ("cyan", 5), ("blue", 8)]


@pytest.fixture(scope="module")
def ws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    root = tmp_path_factory.mktemp("companions")
    opened = Workspace.init(root / "workspace", "test")
    text = "\n".join(f"{word},{'' if count is None else count}" for word, count in ROWS)
    (root / "words.csv").write_text(f"word,count\n{text}\n")
    importing.run(opened.store, "words", root / "words.csv", ImportOptions(), lambda share, words: None)
    yield opened
    for name in list(companions._companions):
        companions.close(name)


def test_a_grid_is_asked_until_it_is_closed(ws: Workspace) -> None:
    page = details.grid(ws, "words", "page", 1, {"filter": "blue", "sort": "count"}, {"offset": 0, "limit": 10})
    assert page["numbers"] == [4, 2] and page["count"] == 2 and page["total"] == 4
    details.grid(ws, "words", "close", 2)
    assert "grid words" not in companions._companions
    assert details.grid(ws, "words", "page", 3, {}, {"offset": 0, "limit": 1})["numbers"] == [1]


def test_a_flow_is_previewed_with_changes_that_are_not_written(ws: Workspace) -> None:
    calls.action(ws, "flow new", {"name": "tidy", "source": "words"})
    change = {"add": ["fill-missing columns=count method=mean", "formula name=twice expression='count * 2'"]}
    found = details.flow_preview(ws, "tidy", change=change, rows=4)
    assert found.added == ["twice"] and found.after[1][found.columns.index("count")] == pytest.approx(16 / 3)
    assert calls.record(ws, "flows", "tidy").steps == []
    with pytest.raises((BadInput, BadOption), match="no column 'coun'"):
        details.flow_preview(ws, "tidy", change={"add": ["fill-missing columns=coun"]})


def test_a_flow_that_somebody_else_has_changed_is_not_overwritten(ws: Workspace) -> None:
    calls.action(ws, "flow new", {"name": "shared", "source": "words", "add": ["drop-missing columns=count"]})
    opened = calls.opened(ws, "flow", "shared")
    assert opened["record"].name == "shared" and calls.changed(ws, **opened["opened"]) is None
    path = Path(ws.root, "flows", "shared.toml")
    path.write_text(path.read_text().replace("drop-missing", "missing-indicator", 1))
    assert "with an editor" in str(calls.changed(ws, **opened["opened"]))
    with pytest.raises(Conflict):
        calls.action(ws, "flow edit", {"flow": "shared", "add": ["sort columns=word"]}, opened["opened"])
    assert "sort" not in path.read_text()
