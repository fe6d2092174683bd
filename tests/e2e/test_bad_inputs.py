"""Hostile input at every door of a workspace that is at work: one sentence, nothing done, nothing down."""

import contextlib
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.bad_inputs import BODIES, NAMES, PATHS, spoil
from tests.screen import bridge
from tests.waiting import until

import cupola
from cupola.errors import CupolaError, Usage
from cupola.store import secret
from cupola.workspace import Workspace

PATIENCE = 180.0
ROW = json.dumps({"distance": 300, "carrier": "UA"})
GOOD = b'{"dataframe_records": [%b]}' % ROW.encode()

# What a screen of ours writes besides text: where to go, how it looks, modes, questions to the terminal, its pointer.
OURS = re.compile(
    r"\x1b\[[<>=?]?[0-9;:]*[ $]?[ABCDGHJKPXdfhlmnpqsu]|\x1b\]22;[a-z-]*(?:\x07|\x1b\\)"
    r"|\x1b[=>78M]|\x1b\([0B]|\x1b_G[^\x1b]*\x1b\\"
)
HARMFUL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]|owned\x07|ZXZpbA==\x07"
)


@pytest.fixture(scope="module")
def root(host: Path) -> Path:
    """A workspace with a dataset, a run, a model, a job and an endpoint that serves."""
    directory = host / "ws"
    ws = cupola.init(directory, name="base")
    rows = [f"{n},{n * 37 % 900},{'UA' if n % 3 else 'DL'},{n * 37 % 900 > 400}" for n in range(200)]
    (host / "flights.csv").write_text("\n".join(["id,distance,carrier,late", *rows]) + "\n")
    ws.dataset.import_(host / "flights.csv", name="flights", target="late", role={"id": "id"})
    run = ws.train(dataset="flights", estimator="DecisionTreeClassifier", name="first").wait(PATIENCE)
    ws.model.register(run, name="late")
    ws.model.approve("late@1", note="good")
    ws.job.submit(["echo", "done"], name="script").wait(PATIENCE)
    ws.endpoint.deploy("late@1", name="e").wait(PATIENCE)
    ws.endpoint.invoke("e", data=ROW)
    until(lambda: ws.endpoint.show("e").gateway)
    return directory


def everything(root: Path) -> set[str]:
    """All names in and beside the workspace but those that its agent and its readers keep for themselves."""
    passing = ("agents", "claims", "digests", "feed", "notes", "presence", "staging")
    every = {
        Path(directory, name).relative_to(root.parent).as_posix()
        for directory, below, names in os.walk(root.parent)
        for name in (*below, *names)
        if not name.startswith(".tmp-")  # somebody writes it at this moment, as the keeper does each second
    }
    return {
        one for one in every if not one.startswith(("cache", "runtime", *(f"ws/.cupola/{name}" for name in passing)))
    }


DATA = {"dataset": "flights", "estimator": "DecisionTreeClassifier"}
GIVES_A_NAME: dict[str, tuple[str, Callable[[str], dict[str, Any]]]] = {
    "dataset": ("dataset import", lambda name: {"source": "../flights.csv", "name": name}),
    "experiment": ("train", lambda name: DATA | {"experiment": name}),
    "run": ("train", lambda name: DATA | {"name": name}),
    "model of a run": ("train", lambda name: DATA | {"register": name}),
    "job": ("job submit", lambda name: {"command": ["true"], "name": name}),
    "model": ("model register", lambda name: {"run": "first", "name": name}),
    "alias": ("model alias", lambda name: {"model": "late@1", "alias": name}),
    "endpoint": ("endpoint deploy", lambda name: {"model": "late@1", "name": name}),
    "variant": ("endpoint update", lambda name: {"endpoint": "e", "variant": {name: "late@1:1"}, "dry_run": True}),
}


@pytest.mark.parametrize("what", GIVES_A_NAME)
def test_a_name_that_is_none_is_refused_wherever_names_are_given(root: Path, what: str) -> None:
    ws = Workspace.open(root)
    action, arguments = GIVES_A_NAME[what]
    before = everything(root)
    for name in NAMES:
        with pytest.raises(Usage) as refused:
            ws.action(action, **arguments(name))
        assert len(str(refused.value)) < 1500
    with bridge(root) as screen:
        sendable = [name for name in NAMES[::3] if name and not re.search("[\ud800-\udfff]", name)]
        numbers = [screen.send("action", name=action, arguments=arguments(name)) for name in sendable]
        kinds = {screen.answer(number)["error"]["kind"] for number in numbers}
    assert kinds <= {"BadName", "BadOption"}
    assert everything(root) == before


@pytest.mark.parametrize(
    ("action", "arguments"),
    [
        ("job submit", {"command": ["true"], "python": "x" * 5000}),
        ("job submit", {"command": ["true", "\udcff"]}),
        ("run note", {"run": "first", "text": "\udcff"}),
        ("dataset set", {"dataset": "flights", "role": {"id": "\udcff"}}),
        ("endpoint invoke", {"endpoint": "e", "data": ROW, "content_type": "a\r\nX-Evil: 1"}),
        ("endpoint invoke", {"endpoint": "e", "data": ROW, "accept": "\u202e"}),
        ("run show", {"run": "x" * (1 << 20)}),
        ("dataset sql", {"query": "x" * (1 << 20)}),
        ("run ls", {"filter": "(" * 9_000}),
        ("run ls", {"filter": "not " * 2_000 + "status = 1"}),
        ("run ls", {"filter": "x" * (1 << 20)}),
    ],
)
def test_what_no_record_can_hold_or_no_error_should_quote(root: Path, action: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(CupolaError) as refused:
        Workspace.open(root).action(action, **arguments)
    assert len(str(refused.value)) < 4000


def ask(port: int, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """The status and the body of the answer to a request, sent as it is."""
    with socket.create_connection(("127.0.0.1", port), timeout=180) as line:
        with contextlib.suppress(OSError):  # it answers before it has read what it does not want
            line.sendall(head.encode() + b"\r\n\r\n" + body)
        answer = b""
        try:
            while piece := line.recv(65536):
                answer += piece
        except ConnectionResetError:
            assert answer
    first, _, rest = answer.partition(b"\r\n")
    return int(first.split()[1]), rest


def post(port: int, path: str, body: bytes, *headers: str) -> tuple[int, bytes]:
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {secret.token()}", "Connection: close"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return ask(port, "\r\n".join(lines), body)


@pytest.fixture(scope="module")
def doors(root: Path) -> dict[str, int]:
    """The ports of the endpoint and of the gateway, by the path at which each predicts."""
    endpoint = cupola.open(root).endpoint.show("e")
    return {
        "/invocations": int(endpoint.url.rpartition(":")[2]),
        "/endpoints/e/invocations": int(endpoint.gateway.rpartition(":")[2].partition("/")[0]),
    }


def resident(pid: int) -> int:
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) << 10  # type: ignore[index]


def test_no_body_brings_a_server_down(root: Path, doors: dict[str, int]) -> None:
    pids = cupola.open(root).endpoint.show("e").pids
    before = sum(map(resident, pids))
    for path, port in doors.items():
        for why, body in BODIES.items():
            packed = ["Content-Encoding: gzip"] if body.startswith(b"\x1f\x8b") else []
            status, answer = post(port, path, body, *packed)
            said = json.loads(answer.partition(b"\r\n\r\n")[2])
            assert status in (400, 413, 422, 424), (path, why, answer[:300])
            assert said.get("OriginalStatusCode", 400) in (400, 413, 422), (path, why)
            assert b"Traceback" not in answer
            status, answer = post(port, path, GOOD)
            assert (status, b"predictions" in answer) == (200, True), (path, why)
    assert cupola.open(root).endpoint.show("e").pids == pids
    assert sum(map(resident, pids)) - before < 200 << 20
    assert "owned" not in {name for _, below, names in os.walk(root) for name in (*below, *names)}


def test_no_path_leads_out_of_the_workspace(doors: dict[str, int]) -> None:
    for predicts, port in doors.items():
        before = (predicts.removesuffix("/invocations"), "", "/endpoints")
        for path in dict.fromkeys(
            f"{one}{path}" for one in before for path in (*PATHS, *(p + "/invocations" for p in PATHS))
        ):
            for method in ("GET", "POST"):
                head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2"
                status, answer = ask(port, f"{head}\r\nAuthorization: Bearer {secret.token()}", b"{}")
                assert status in (400, 403, 404, 405), (path, answer[:200])
                assert b"root:" not in answer and b"PATH=" not in answer and b"Traceback" not in answer


def copied(root: Path, to: Path, *without: str) -> Path:
    """A copy of a workspace in which processes write and remove files meanwhile."""

    def copy(source: str, target: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            shutil.copy2(source, target, follow_symlinks=False)

    ignore = shutil.ignore_patterns(".tmp-*", "staging", *without)
    return Path(shutil.copytree(root, to, symlinks=True, ignore=ignore, copy_function=copy))


@pytest.fixture(scope="module")
def spoilt(root: Path) -> Path:
    """A copy of it in which every text is hostile."""
    copy = copied(root, root.parent / "spoilt", "digests", "feed", "presence")
    spoil(copy)
    text = (copy / "workspace.toml").read_text()
    (copy / "workspace.toml").write_text(text.replace('"base"', r'"\u001b]0;owned\u0007[bold]x[/nope]\u202e"'))
    return copy


class Terminal:
    """A program in a terminal of its own: what it writes, byte by byte."""

    def __init__(self, root: Path, *words: str) -> None:
        self.pid, self.end = pty.fork()
        if self.pid == 0:  # pragma: no cover - the child
            try:
                os.chdir(root)
                os.environ.update(TERM="xterm-256color")
                os.execv(sys.executable, [sys.executable, "-P", "-m", "cupola_tui", *words])
            finally:
                os._exit(127)
        fcntl.ioctl(self.end, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.written = b""

    def reads(self, seconds: float = 0.3) -> bool:
        """Takes what comes until nothing has come for so long; False when the program has ended."""
        while select.select([self.end], [], [], seconds)[0]:
            try:
                piece = os.read(self.end, 65536)
            except OSError:
                return False
            if not piece:
                return False
            self.written += piece
        return True

    def sees(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text.encode() not in self.written:
            assert self.reads() and time.monotonic() < deadline, f"{text!r} is not there"

    def presses(self, keys: str, seconds: float = 0.3) -> None:
        os.write(self.end, keys.encode())
        assert self.reads(seconds), "the program has ended"

    def ends(self) -> int:
        while self.reads(1.0):
            continue
        os.close(self.end)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def harmless(written: bytes) -> None:
    text = written.decode("utf-8", "surrogateescape").replace("\r\n", "\n").replace("\r", "\n")
    found = HARMFUL.search(OURS.sub("", text))
    assert not found, repr(OURS.sub("", text)[max(0, found.start() - 40) : found.end() + 40])


READS = [
    *(f"{kind} ls" for kind in ("dataset", "run", "job", "model", "endpoint", "tag")),
    *("comment ls late", "activity", "access", "check", "run ls --json", "endpoint ls --json", "endpoint show e"),
]


@pytest.mark.parametrize("words", READS)
def test_no_command_brings_a_control_sequence_to_the_terminal(spoilt: Path, words: str) -> None:
    terminal = Terminal(spoilt, *words.split())
    assert terminal.ends() == (3 if words == "check" else 0)
    harmless(terminal.written)
    assert b"bug in Cupola" not in terminal.written


def test_each_record_is_shown_without_harm(
    spoilt: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(spoilt)  # and back from where -C leads, which is removed
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    ws = Workspace.open(spoilt)
    verbs = {"dataset": ("show", "preview"), "run": ("show",), "job": ("show", "log"), "model": ("show",)}
    from cupola_tui.commands import main

    for kind, some in verbs.items():
        for one in ws.action(f"{kind} ls")[::5]:
            for verb in some:
                reference = getattr(one, "id", None) if kind in ("run", "job") else f"{one.name}@1"
                assert main(["-C", str(spoilt), kind, verb, str(reference)]) in (0, 1)
    shown, said = capfd.readouterr()
    harmless((shown + said).encode("utf-8", "surrogateescape"))
    assert "bug in Cupola" not in said


def test_the_screen_brings_no_control_sequence_to_the_terminal(spoilt: Path) -> None:
    evil = "\x1b[200~\x1b]0;owned\x07[bold]x[/nope]\x9b2J\u202e\x1b[201~"
    terminal = Terminal(spoilt, ".")
    try:
        terminal.sees("Datase")
        terminal.presses("1")
        terminal.sees("d10")
        for pane in "123450A":
            terminal.presses(pane)
            for _ in range(7):
                terminal.presses("\x1b[B", seconds=0.05)
            terminal.presses("l")
            terminal.presses("\x1b")
            terminal.presses(f"/{evil}")
            terminal.presses("\x1b")
            terminal.presses("\x1b")
        terminal.presses(f":{evil}\r")
        terminal.presses("\x1b")
        terminal.presses("1")
        terminal.presses("t")
        terminal.presses(evil)
        terminal.presses("\r")
        terminal.presses("\x1b")
        for keys in (
            b"\xff\xfe",
            b":\xe9\xff",
            b"\x1b[200~caf\xe9\xed\xa0\x80\x1b[201~",
            b"\x1b[<9999;9999;9999M",
            b"\x1bP>|x\x1b\\",
        ):
            os.write(terminal.end, keys)
            assert terminal.reads(), keys
    finally:
        os.kill(terminal.pid, signal.SIGKILL)
        terminal.ends()
    harmless(terminal.written[: terminal.written.rindex(b"\x1b")])  # what it was killed at may be torn


@pytest.fixture
def edited(root: Path, tmp_path: Path) -> Path:
    return copied(root, tmp_path / "edited", "digests")


@pytest.mark.parametrize("name", ["workspace.toml", "datasets/flights/dataset.toml", "endpoints/e/endpoint.toml"])
@pytest.mark.parametrize("text", ["a = 1\na = 2", "<<<<<<< here\n", 'format = "1"', "a = [" * 5000, 'a = "\x1b[2J"'])
def test_a_file_that_an_editor_has_broken_stops_nothing_else(edited: Path, name: str, text: str) -> None:
    (edited / name).write_text(text)
    ws = Workspace.open(edited)
    assert len(ws.action("run ls")) == len(ws.action("dataset ls")) == len(ws.action("endpoint ls")) == 1
    verbs = {
        "workspace.toml": ("comment", {"ref": "late", "text": "x"}),
        "datasets/flights/dataset.toml": ("dataset set", {"dataset": "flights", "description": "x"}),
        "endpoints/e/endpoint.toml": ("endpoint update", {"endpoint": "e", "workers": 2}),
    }
    for file, (verb, arguments) in verbs.items():
        if name in (file, "workspace.toml"):
            with pytest.raises(CupolaError, match=rf"{name}: line \d+, column \d+: "):
                ws.action(verb, **arguments)
        elif file != "endpoints/e/endpoint.toml":
            ws.action(verb, **arguments)
    assert (edited / name).read_text() == text
