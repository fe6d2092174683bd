"""What a command line answers: exit statuses, one line for an error, nothing that a terminal would act upon."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.commands import toys

from cupola import bugs
from cupola.asynchronous.actions import Request
from cupola.tokens import records as tokens
from cupola.workspace import Workspace
from cupola_tui.commands import output
from cupola_tui.commands.options import Options

Cupola = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("toyy", "cupola: there is no command 'toyy'. Did you mean toy?\n"),
        ("toy shw", "cupola: toy: there is no verb 'shw'. Did you mean show?\n"),
        ("toy ls --coutn 3", "cupola: toy ls: there is no option --coutn. Did you mean --count?\n"),
        ("toy ls --count three", "cupola: toy ls: --count takes a whole number, not 'three'\n"),
        ("toy show", "cupola: toy show: TOY is missing. --help shows the rest\n"),
        ("toy ls extra", "cupola: toy ls: 'extra' is one word too many. --help shows what is taken\n"),
        ("toy ls --wait", "cupola: toy ls: there is no option --wait. --help lists them\n"),
        ("-x toy ls", "cupola: there is no option -x. --help lists them\n"),
        ("toy -q ls", "cupola: options come after the verb: cupola toy ls -q\n"),
    ],
)
def test_wrong_usage_is_one_line_with_what_was_meant_and_exit_status_2(cupola: Cupola, line: str, says: str) -> None:
    assert cupola(line) == (2, "", says)


def test_a_domain_alone_lists_its_verbs(cupola: Cupola) -> None:
    status, out, err = cupola("toy")
    assert (status, out) == (2, "")
    assert "cupola toy show" in err
    assert cupola("toy --help") == (0, err, "")


def test_lists_are_json_lines_and_say_the_same_as_the_table(cupola: Cupola) -> None:
    status, out, err = cupola("toy ls -n3 --json")
    assert (status, err) == (0, "")
    assert [json.loads(line)["id"] for line in out.splitlines()] == ["t0", "t1", "t2"]
    assert [line.split()[0] for line in cupola("toy ls -n3")[1].splitlines()] == ["id", "t0", "t1", "t2"]


def test_quiet_prints_only_names(cupola: Cupola) -> None:
    assert cupola("toy ls -q") == (0, "t0\nt1\n", "")


@pytest.mark.parametrize(
    "line", ["toy ls", "toy show t1", "toy show t1 --json", "toy break conflict", "toy break conflict --json"]
)
def test_no_control_character_reaches_the_terminal(cupola: Cupola, line: str) -> None:
    _, out, err = cupola(line)
    assert "title" in out + err
    assert not set(out + err) & set("\x1b\x07\x9b\u202e\r")


def test_json_keeps_what_text_loses(cupola: Cupola) -> None:
    assert json.loads(cupola("toy show t1 --json")[1])["name"] == toys.HOSTILE


def test_an_error_is_one_line_with_where_what_and_what_to_do(cupola: Cupola) -> None:
    status, out, err = cupola("toy break conflict")
    assert (status, out) == (1, "")
    assert err.startswith("cupola: toys/t1: it has changed: a")
    assert err.endswith(". Look again\n")
    assert len(err.splitlines()) == 1


def test_under_json_an_error_is_an_object(cupola: Cupola) -> None:
    status, out, err = cupola("toy break conflict --json")
    error = json.loads(err)["error"]
    assert (status, out) == (1, "")
    assert (error["kind"], error["where"], error["hint"]) == ("Conflict", "toys/t1", "look again")
    assert json.loads(cupola("toy ls --count x --json")[2])["error"]["kind"] == "BadOption"


def test_an_answer_of_no_has_exit_status_3(cupola: Cupola) -> None:
    assert cupola("toy break refused")[0] == 3
    assert cupola("toy check")[0] == 3


def test_an_interrupted_command_has_exit_status_130(cupola: Cupola) -> None:
    assert cupola("toy break interrupt") == (130, "", "")
    assert cupola("toy break exit") == (130, "", "job x goes on\n")


def test_a_bug_is_one_line_and_a_traceback_in_the_log(cupola: Cupola) -> None:
    status, out, err = cupola("toy break bug")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "ZeroDivisionError" in err
    assert str(bugs.log_path()) in err
    assert "1 // 0" in bugs.log_path().read_text()
    assert json.loads(cupola("toy break bug --json")[2])["error"]["kind"] == "Bug"


def test_readonly_refuses_what_writes_wherever_the_option_stands(cupola: Cupola) -> None:
    for line in ("--readonly toy make x", "toy make x --readonly"):
        status, out, err = cupola(line)
        assert (status, out) == (1, "")
        assert "read-only" in err
    assert cupola("toy ls --readonly")[0] == 0


def test_the_workspace_is_found_from_below_and_named_by_C(
    cupola: Cupola, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workspace.root / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(workspace.root / "deep" / "er")
    assert cupola("toy ls")[0] == 0
    monkeypatch.chdir("/")
    status, _, err = cupola("toy ls")
    assert status == 1
    assert "cupola init" in err.lower()
    assert cupola("-C", str(workspace.root), "toy", "ls")[0] == 0
    assert cupola("toy", "ls", "-C", str(workspace.root))[0] == 0


def test_what_cannot_be_shown_is_no_command_without_a_terminal(cupola: Cupola) -> None:
    status, _, err = cupola(".")
    assert status == 2
    assert "needs a terminal" in err


def test_a_reader_that_goes_away_ends_the_command_without_a_word(workspace: Workspace) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from cupola import actions\n"
        "actions.DOMAINS['toy'] = 'tests.commands.toys'\n"
        "from cupola_tui.commands import main; sys.exit(main(['toy', 'stream']))"
    )
    command = [sys.executable, "-c", program, str(Path(__file__).parents[2])]
    child = subprocess.Popen(
        command, cwd=workspace.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ
    )
    assert child.stdout and child.stderr
    assert child.stdout.readline() == b"line\n"
    child.stdout.close()
    assert child.wait(180) == 1
    assert child.stderr.read() == b""


def test_the_agent_of_the_host_is_shown_outside_of_any_workspace_and_a_list_of_runs_is_not(
    cupola: Cupola, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path.parent)
    status, out, _ = cupola("agent status --json")
    assert status == 0 and json.loads(out)["status"] == "Stopped"
    status, _, err = cupola("run ls")
    assert status == 1 and "not in a workspace" in err


def test_quiet_says_nothing_of_what_has_no_name(cupola: Cupola) -> None:
    assert cupola("agent status -q") == (0, "", "")


def test_quiet_prints_a_new_token_and_not_only_its_name(cupola: Cupola, workspace: Workspace) -> None:
    status, out, _ = cupola("token create shop -q")
    assert status == 0
    found = tokens.find(workspace.store, out.strip())
    assert found is not None and found.name == "shop"


def test_quiet_prints_which_request_was_sent_and_not_only_to_which_endpoint(capsys: pytest.CaptureFixture[str]) -> None:
    sent = Request(endpoint="e", request="order-17", output="out", failure="error")
    output.show("endpoint send", sent, Options(quiet=True))
    assert capsys.readouterr().out == "order-17\n"


def test_a_directory_that_was_removed_under_ones_feet_is_said_so(
    cupola: Cupola, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for line in ("run ls", "agent status", "init x"):
        status, out, err = cupola(line)
        assert (status, out) == (1, "") and "has been removed" in err


def test_a_wrong_filter_is_pointed_at(cupola: Cupola, workspace: Workspace) -> None:
    status, out, err = cupola("run", "ls", "--filter", "user = ana usre = \x1b[31mbo")
    assert (status, out) == (2, "")
    said, text, pointer = err.splitlines()
    assert said == (
        "cupola: --filter: nothing was expected here; `and` or `or` is missing, at character 12 of the filter"
    )
    assert text == "  user = ana usre = �[31mbo"
    assert pointer.index("^") == text.index("usre")
    status, _, err = cupola("run", "ls", "--filter", "user = ", "--json")
    assert len(err.splitlines()) == 1 and '"kind":"BadFilter"' in err
