"""Reading long logs: in pieces, and their end without what stands before it."""

from pathlib import Path

import pytest

from cupola.jobs import logs
from cupola.store import Store


@pytest.fixture
def store(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    (tmp_path / "workspace.toml").touch()
    monkeypatch.setattr(logs, "STEP", 7)
    (tmp_path / "log.txt").write_text("".join(f"line ä {number}\n" for number in range(40)) + "rest")
    return Store.open(tmp_path)


def test_a_log_is_read_whole_with_no_character_torn(store: Store, tmp_path: Path):
    assert "".join(logs.whole(store, "log.txt")) == (tmp_path / "log.txt").read_text()
    assert list(logs.whole(store, "missing.txt")) == []


@pytest.mark.parametrize("count", [0, 1, 2, 5, 39, 41, 1000])
def test_the_last_lines_are_the_last(store: Store, tmp_path: Path, count: int):
    text = (tmp_path / "log.txt").read_text()
    expected = "".join(text.splitlines(keepends=True)[-count:] if count else [])
    assert logs.last(store, "log.txt", count) == (expected, len(text.encode()))


def test_there_may_be_no_log_yet(store: Store):
    assert logs.last(store, "missing.txt", 5) == ("", 0)
