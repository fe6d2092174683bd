from pathlib import Path

import pytest

from cupola_tui import files


def test_paths_are_as_seen_from_where_the_app_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    assert files.absolute("data/a.csv") == str(tmp_path / "data/a.csv")
    assert files.absolute("~/a.csv") == "/home/ana/a.csv"
    assert files.absolute("/a.csv") == "/a.csv"
    assert files.absolute("https://host/a.csv") == "https://host/a.csv"
