"""Every command in the README is run, in its order, as a newcomer would."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def script(text: str) -> str:
    """All blocks of a document as one shell script that stops at the first command that fails."""
    lines = ["set -eu -o pipefail"]
    for language, block in BLOCK.findall(text):
        assert language in ("sh", "python"), f"what is in a block of {language} is not tried"
        lines.append(block if language == "sh" else f"python - <<'END'\n{block}END\n")
    return "\n".join(lines)


def test_the_tour_of_the_readme_can_be_made(home: Path, tmp_path: Path) -> None:
    program = script((ROOT / "README.md").read_text())
    assert "make demo\n" in program
    # The tests run in an environment of their own choice, so there is nothing to install and none to activate.
    program = program.replace("make demo\n", "cupola demo\n").replace("source .venv/bin/activate\n", "")
    variables = os.environ | {"HOME": str(tmp_path), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash"], input=program, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "hello from a job" in done.stdout
    assert "bug" not in done.stderr


def shown(page: str, directory: Path) -> str:
    """What the commands of a page of docs/ print, run in a directory."""
    variables = os.environ | {"HOME": str(directory), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    program = script((ROOT / "docs" / page).read_text())
    done = subprocess.run(
        ["bash"], input=program, cwd=directory, env=variables, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_what_the_page_on_tracking_shows_can_be_done(home: Path, tmp_path: Path) -> None:
    said = shown("tracking.md", tmp_path)
    assert "LogisticRegression" in said and "the seed was lucky" in said


def test_what_the_page_on_runs_shows_can_be_done(home: Path, tmp_path: Path) -> None:
    said = shown("runs.md", tmp_path)
    assert "ROC (validation)" in said and "at threshold 0.3" in said and "Learning curve" in said
    assert (tmp_path / "roc.svg").exists() and (tmp_path / "plots" / "pr.png").exists()
    assert (tmp_path / "brave-otter.html").exists() and (tmp_path / "brave-otter" / "run.json").exists()


def test_what_the_page_on_searching_shows_can_be_done(home: Path, tmp_path: Path) -> None:
    said = shown("search.md", tmp_path)
    assert "the seed was lucky" in said and "params.kernel" in said


def test_what_the_page_on_mlflow_shows_can_be_done(home: Path, tmp_path: Path) -> None:
    said = shown("mlflow.md", tmp_path)
    assert "http://127.0.0.1:" in said and "first" in said and "rmse" in said


def test_what_the_readme_points_to_is_there() -> None:
    for document in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name} points to {target}"


def test_make_knows_what_the_readme_names() -> None:
    named = set(re.findall(r"`?make (demo|test|check|bench)\b", (ROOT / "README.md").read_text()))
    assert named == {"demo", "test", "check", "bench"}
    for target in named:
        subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, timeout=60, check=True)
