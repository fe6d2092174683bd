"""A card says what people wrote and what the records of a version say, and no text of either is markup."""

import shutil
from pathlib import Path

import pytest

from cupola.errors import BadOption, Conflict, Corrupt
from cupola.store import files
from cupola.workspace import Workspace

from .conftest import Finish


@pytest.fixture
def late(ws: Workspace, finish: Finish) -> str:
    run = finish(params={"C": 0.1}, rows={"train": 800, "test": 200})
    return str(ws.action("model register", run=run.id, name="late").ref)


def test_a_version_has_a_draft_of_a_card_that_its_records_fill(ws: Workspace, late: str) -> None:
    found = ws.action("model card", model=late)
    assert (found.card.state, found.card.risk, found.path) == ("Draft", "Unknown", None)
    for said in ("# late version 1", "LogisticRegression", "flights@1-abcd", "train 800, test 200", "- C: 0.1"):
        assert said in found.text
    assert "| test\\_roc\\_auc | 0.8 | 0.01 |" in found.text
    assert "| hour | integer |" in found.text


def test_what_people_say_stands_in_card_toml_and_an_editor_may_say_more(ws: Workspace, late: str) -> None:
    ws.action("model set", model=late, state="PendingReview", risk="High", risk_reason="people wait", owner="ana")
    path = ws.root / ws.action("model show", model=late).directory / "card.toml"
    path.write_text(path.read_text().replace('caveats = ""', '# more\ncaveats = """\n- not in *snow*\n"""'))
    ws.action("model set", model=late, overview="late or not", owner="")
    found = ws.action("model card", model=late)
    card = found.card
    assert (card.state, card.risk, card.overview, card.owner) == ("PendingReview", "High", "late or not", "")
    assert "# more" in path.read_text()
    assert "## Caveats and recommendations\n\n- not in *snow*" in found.text
    assert "risk rating: High: people wait" in found.text
    assert ws.action("model verify", model=late).ok
    assert not [one for one in ws.action("check").problems if one.path.startswith("models/")]


def test_decisions_stand_on_it_with_who_and_why(ws: Workspace, late: str) -> None:
    ws.action("model approve", model=late, note="good | enough\n# really")
    ws.action("model stage", model=late, stage="Staging")
    text = ws.action("model card", model=late).text
    assert "good \\| enough \\# really" in text
    assert "- stage: Staging" in text


def test_it_is_written_as_markdown_and_as_a_page_in_which_no_text_is_markup(
    ws: Workspace, late: str, tmp_path: Path
) -> None:
    ws.action("model set", model=late, overview="<script>alert(1)</script>", owner="<b>ana</b>")
    shown = ws.action("model card", model=late, to=str(tmp_path / "late.md"))
    assert shown.text is None and shown.path == str(tmp_path / "late.md")
    written = (tmp_path / "late.md").read_text()
    assert written == ws.action("model card", model=late).text and "\\<b\\>ana" in written
    ws.action("model card", model=late, to=str(tmp_path / "late.html"))
    page = (tmp_path / "late.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script" not in page and "<b>" not in page
    with pytest.raises(Conflict):
        ws.action("model card", model=late, to=str(tmp_path / "late.html"))
    with pytest.raises(BadOption, match=r"\.md or \.html"):
        ws.action("model card", model=late, to=str(tmp_path / "late.pdf"))


def test_a_torn_card_is_said_and_hides_no_model(ws: Workspace, late: str) -> None:
    directory = ws.action("model show", model=late).directory
    files.write_bytes(ws.store, f"{directory}/card.toml", b"state = [")
    with pytest.raises(Corrupt, match=r"card\.toml"):
        ws.action("model card", model=late)
    assert len(ws.action("model ls")) == 1
    assert ("torn", f"{directory}/card.toml") in {(one.kind, one.path) for one in ws.action("check").problems}


def test_a_card_outlives_its_run_and_goes_with_its_version(ws: Workspace, late: str) -> None:
    ws.action("model set", model=late, overview="late or not")
    ws.action("run rm", run=ws.action("model show", model=late).run)
    assert "LogisticRegression" in ws.action("model card", model=late).text
    token = ws.action("model rm", model=late).trash
    ws.action("model restore", trash=token)
    assert ws.action("model card", model=late).card.overview == "late or not"


def test_what_two_copies_say_is_merged_and_what_loses_is_kept(ws: Workspace, late: str, tmp_path: Path) -> None:
    shutil.copytree(ws.root, tmp_path / "copy", symlinks=True)
    copy = Workspace.open(tmp_path / "copy")
    copy.action("model set", model=late, owner="ana")
    ws.action("merge", directory=str(copy.root))
    assert Workspace.open(ws.root).action("model card", model=late).card.owner == "ana"
    copy.action("model set", model=late, owner="raj")
    ws.action("model set", model=late, owner="you")
    merged = ws.action("merge", directory=str(copy.root))
    assert [one.path for one in merged.differs] == [f"{ws.action('model show', model=late).directory}/card.toml"]
    kept = [one.read_text() for one in (ws.root / ".cupola/history").rglob("*") if one.is_file()]
    assert {"you", "raj"} <= {line.split('"')[1] for text in kept for line in text.splitlines() if "owner =" in line}
