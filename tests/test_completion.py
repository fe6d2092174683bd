"""Completion of paths; that of records is tested through the bridge, the command line and forms."""

from pathlib import Path

import pytest

from cupola.completion import paths


def test_completion_lists_what_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "day.csv").write_text("")
    (tmp_path / ".hidden").write_text("")
    monkeypatch.chdir(tmp_path)
    assert paths("da") == ["data/", "day.csv"]
    assert paths(f"{tmp_path}/da") == [f"{tmp_path}/data/", f"{tmp_path}/day.csv"]
    assert paths("") == ["data/", "day.csv"]
    assert paths("nowhere/x") == []
