"""The report of a run: one file, whole HTML, with nothing from elsewhere and no text that is markup."""

import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.experiments.conftest import Leave
from tests.experiments.test_plots import CONFUSION, left, logged

import cupola
from cupola.errors import BadOption, Conflict
from cupola.experiments import reporting
from cupola.experiments.records import Code, Mlflow
from cupola.team import notes
from cupola.workspace import Workspace

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e\"'&"
VOID = {"meta", "img", "br", "hr", "rect", "polyline", "polygon", "circle"}
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360000000000500010d0a2db40000000049454e44ae426082"
)


class Page(HTMLParser):
    """What a page is made of, and whether every tag that is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data


def safe(text: str) -> Page:
    """The page, looked over for anything that would run or be fetched."""
    page = Page(text)
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "object", "link", "base", "form")
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "data:").startswith("data:image/") or attributes.get(name) is None
    assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "\x1b" not in text and "\u202e" not in text and "default-src 'none'" in text
    return page


def test_a_whole_run_is_in_it(workspace: Workspace, keep: Leave, tmp_path: Path) -> None:
    run = keep(
        1, metrics={"train_mae": 0.5, "validation_mae": 0.75, "speed": 3.0}, metric_errors={"validation_mae": 0.0625},
        params={"alpha": 0.1, "solver": None}, notes=["left out: id"], features=["a", "b"], reason="", seed=7,
        code=Code(commit="1f9c3a7", dirty=True, patch="code.patch"), usage={"cpu_seconds": 1.5, "peak_memory": 1000},
        environment={"python": "3.11", "packages": {"numpy": "2.0"}}, tags=["nightly"],
    )  # fmt: skip
    (workspace.root / run.directory / "code.patch").write_text("-a < b\n+a > b\n")
    left(workspace, run, confusion=CONFUSION)
    logged(workspace, run, *[("train_mae", step, 1.0 / step) for step in (1, 2, 3)])
    (workspace.root / run.directory / "attempts" / "1" / "artifacts" / "figure.png").write_bytes(PIXEL)
    notes.say(workspace.store, "run", run.id, "comment", ["better at night"])
    said = workspace.action("run report", run=run.id, path=tmp_path / "run.html")
    text = (tmp_path / "run.html").read_text()
    assert said.bytes == len(text.encode())
    page = safe(text)
    for words in (
        "0.75 ± 0.062", "speed", "alpha", "left out: id", "1f9c3a7", "-a < b", "numpy", "cpu_seconds",
        "better at night", "figure.png", "nightly", "mae by step", "Confusion matrix", "came from",
    ):  # fmt: skip
        assert words in page.words, words
    assert [tag for tag, _ in page.tags].count("svg") == 2 and "data:image/png;base64," in text


def test_text_of_anybody_is_text(workspace: Workspace, keep: Leave) -> None:
    run = keep(
        1, name=EVIL, status="Failed", secondary_status=EVIL, reason=EVIL, params={EVIL: EVIL}, metrics={EVIL: 1.0},
        notes=[EVIL], tags=[EVIL], dataset=EVIL, features=[EVIL], classes=[EVIL], environment={EVIL: EVIL}, bad=EVIL,
        user=EVIL, usage={EVIL: 1}, code=Code(commit=EVIL),
    )  # fmt: skip
    left(workspace, run, confusion={"classes": [EVIL, "b"], "matrix": [[1, 2], [3, 4]]})
    logged(workspace, run, (EVIL, 1, 1.0), (EVIL, 2, 2.0))
    artifacts = workspace.root / run.directory / "attempts" / "1" / "artifacts"
    (artifacts / "<b>x.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>")
    page = safe(reporting.html(workspace.store, run))
    assert "alert(1)" in page.words


@pytest.mark.parametrize(
    "fields",
    [
        {"status": "Failed", "reason": "it ran out of memory", "job": "gone000001"},
        {"status": "Queued", "attempt": 0},
        {"status": "InProgress", "metrics": {"loss": 0.5}, "dataset": "", "estimator": ""},
        {"mlflow": Mlflow(writer="x", tags={"mlflow.note.content": "<b>"}), "dataset": "", "target": ""},
        {"environment": {"packages": ["numpy==2"]}, "usage": {}, "params": {"nested": {"a": [1, None, {"b": 2}]}}},
    ],
    ids=["failed", "queued", "script", "mlflow", "odd"],
)
def test_every_kind_of_run_has_one(workspace: Workspace, keep: Leave, fields: dict[str, object]) -> None:
    page = safe(reporting.html(workspace.store, keep(1, **fields)))
    assert "brave-otter-1" in page.words and str(fields.get("reason", "")) in page.words


def test_a_run_of_a_script_has_its_curves(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(workspace.root)
    with cupola.run("scripted") as run:
        run.log_params({"lr": 0.1})
        for step in range(20):
            run.log_metrics({"train/loss": 1 / (step + 1), "val/loss": 2 / (step + 1)}, step=step)
    workspace.action("run report", run="scripted", path=tmp_path / "scripted.html")
    page = safe((tmp_path / "scripted.html").read_text())
    assert "loss by step" in page.words and "lr" in page.words


def test_it_replaces_nothing_and_lies_outside(workspace: Workspace, keep: Leave, tmp_path: Path) -> None:
    (tmp_path / "there.html").write_text("mine")
    run = keep(1)
    with pytest.raises(Conflict):
        workspace.action("run report", run=run.id, path=tmp_path / "there.html")
    for path in (tmp_path / "run.pdf", workspace.root / "run.html"):
        with pytest.raises(BadOption):
            workspace.action("run report", run=run.id, path=path)
    assert (tmp_path / "there.html").read_text() == "mine"
    assert subprocess.run(["ls", "-A", str(workspace.root / "experiments")], capture_output=True, check=True).stdout
