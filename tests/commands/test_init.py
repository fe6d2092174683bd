"""Making a directory a workspace."""

import json
from collections.abc import Callable
from pathlib import Path

Cupola = Callable[..., tuple[int, str, str]]


def test_a_directory_becomes_a_workspace_once(cupola: Cupola, tmp_path: Path) -> None:
    (tmp_path / "churn").mkdir()
    (tmp_path / "churn" / "mine.txt").write_text("mine")
    status, out, err = cupola("init", str(tmp_path / "churn"))
    assert (status, out) == (0, f"{tmp_path / 'churn'} is now the workspace churn\n")
    assert "agent unit" in err
    assert (tmp_path / "churn" / "mine.txt").read_text() == "mine"
    assert cupola("init", str(tmp_path / "churn")) == (0, f"{tmp_path / 'churn'} is already the workspace churn\n", "")


def test_under_json_it_says_name_and_path(cupola: Cupola, tmp_path: Path) -> None:
    _, out, _ = cupola("init", str(tmp_path / "new"), "--name", "other", "--json")
    assert json.loads(out) == {"workspace": "other", "path": str(tmp_path / "new")}


def test_C_goes_there_first(cupola: Cupola, tmp_path: Path) -> None:
    assert cupola("-C", str(tmp_path), "init", "below", "-q") == (0, f"{tmp_path / 'below'}\n", "")
    status, _, err = cupola("-C", str(tmp_path / "nowhere"), "init")
    assert status == 1
    assert str(tmp_path / "nowhere") in err


def test_a_file_or_a_readonly_option_stands_in_the_way(cupola: Cupola, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert cupola("init", str(tmp_path / "file"))[0] == 1
    assert cupola("--readonly", "init", str(tmp_path / "new"))[0] == 1
    assert not (tmp_path / "new").exists()
