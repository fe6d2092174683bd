"""Hostile names and texts at the door of the command line."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.commands import toys

from cupola.workspace import Workspace
from cupola_tui.commands import output
from cupola_tui.commands.options import Options

HERE = Path(__file__).parent
TEXTS = [case["value"] for case in json.loads((HERE / "bad_texts.json").read_text())]
NAMES = json.loads((HERE.parent / "store" / "bad_names.json").read_text())
REFUSED = [case["value"] for case in NAMES if case["expect"].startswith("refused")]
HARMFUL = {*map(chr, range(32)), *map(chr, range(127, 160)), *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"}

Cupola = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", REFUSED, ids=lambda name: ascii(name)[:20])
@pytest.mark.parametrize("command", ["import", "init"])
def test_a_name_that_is_none_is_one_sentence_and_exit_status_2(
    cupola: Cupola, workspace: Workspace, tmp_path: Path, command: str, name: str
) -> None:
    source = tmp_path / "d.csv"
    source.write_text("a,b\n1,2\n")
    before = sorted(tmp_path.rglob("*"))
    words = ["dataset", "import", str(source)] if command == "import" else ["init", str(tmp_path / "new")]
    status, out, err = cupola(*words, f"--name={name}")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert not set(err.rstrip("\n")) & HARMFUL
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("value", TEXTS, ids=lambda value: ascii(value)[:20])
def test_a_text_does_nothing_to_the_terminal(
    value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    toy = toys.Toy(id="t1", name=value)
    for result in (toy, [toy], {value: value}, iter([value]), value):
        for options in (Options(), Options(json=True), Options(quiet=True)):
            output.show("toy show", result, options)
    print(output.error_line(toys.trouble(value).info()))
    print(output.error_json(toys.trouble(value).info()))
    assert not set(capsys.readouterr().out) & (HARMFUL - {"\n"})


def test_what_is_no_text_at_all_is_survived(workspace: Workspace) -> None:
    command = [sys.executable.encode(), b"-P", b"-m", b"cupola_tui", b"run", b"show", b"\xff\x80\x1b[2J"]
    done = subprocess.run(command, cwd=workspace.root, capture_output=True, timeout=180, check=False)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (1, b"", 1)
    assert b"\x1b" not in done.stderr
    assert b"bug" not in done.stderr
