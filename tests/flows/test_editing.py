"""A flow is changed by words, its file stays the user's own, and every change can be taken back."""

from pathlib import Path

import pytest

import cupola
from cupola import api
from cupola.errors import BadInput, BadName, BadOption, Conflict, Corrupt, NotFound, NotReady
from cupola.flows import editing, records
from cupola.flows.records import Flow, FlowStep
from cupola.flows.transforms import catalogue
from cupola.store import Store
from cupola.workspace import Workspace


@pytest.fixture
def ws(workspace: Workspace) -> api.Workspace:
    found = cupola.open(workspace.root)
    for name in records.ls(workspace.store):
        found.flow.rm(name)
    return found


def file(ws: api.Workspace, name: str) -> Path:
    return Path(ws.root) / "flows" / f"{name}.toml"


def test_steps_are_added_set_moved_and_removed_by_words(ws: api.Workspace) -> None:
    ws.flow.new("prep", source=["people"], add=["fill-missing columns=age,fare method=mean", "scale columns=age"])
    shown = ws.flow.edit("prep", add=["formula name=x expression='age + 1' before=scale id=plus"])
    assert [one.id for one in shown.steps] == ["fill-missing", "plus", "scale"]
    shown = ws.flow.edit("prep", set=["fill-missing method=mode", "scale method=robust columns=age,x id=scaled"])
    assert shown.steps[0].params == {"columns": ["age", "fare"], "method": "mode"}
    assert shown.steps[2].id == "scaled" and shown.steps[2].params["columns"] == ["age", "x"]
    shown = ws.flow.edit("prep", move=["scaled before=plus"], remove=["fill-missing"])
    assert [one.id for one in shown.steps] == ["scaled", "plus"]
    shown = ws.flow.edit("prep", set=['scaled {"columns": ["a, b"]}'], add=["scale columns=fare"])
    assert shown.steps[0].params == {"columns": ["a, b"]} and [one.id for one in shown.steps][-1] == "scale"


def test_lists_stand_behind_commas_also_where_their_items_hold_some(ws: api.Workspace) -> None:
    added = "group-by by='\"a, b\",c' aggregates='mean(age), count(), max(a, b)'"
    shown = ws.flow.new("prep", source=["people"], add=[added])
    assert shown.steps[0].params == {"by": ["a, b", "c"], "aggregates": ["mean(age)", "count()", "max(a, b)"]}


def test_a_step_that_a_hand_has_broken_is_said(ws: api.Workspace) -> None:
    ws.flow.new("prep", source=["people"], add=["scale columns=age"])
    file(ws, "prep").write_text(file(ws, "prep").read_text().replace('columns = ["age"]', ""))
    assert ws.flow.show("prep").wrong == "flow prep, step scale: scale needs columns (the columns)"


def test_branches_come_together_and_a_removed_step_is_bypassed(ws: api.Workspace) -> None:
    ws.flow.new("prep", source=["people", "right=ports"], add=["filter where='age > 1' id=old"])
    ws.flow.edit("prep", add=["scale columns=fare inputs=old", "join inputs=scale,right on=port"])
    flow = ws.flow.edit("prep", remove=["scale"])
    assert flow.steps[1].inputs == ["old", "right"]
    flow = ws.flow.edit("prep", set=["old id=young"])
    assert flow.steps[1].inputs == ["young", "right"]


def test_a_step_that_moves_or_comes_between_stays_in_the_chain_that_leads_to_a_join(
    ws: api.Workspace, store: Store
) -> None:
    ws.flow.new("prep", source=["people", "ports"], add=["fill-missing columns=age method=mean id=fill"])
    ws.flow.edit("prep", add=["scale columns=fare", "formula name=x expression=age id=plus"])
    ws.flow.edit("prep", add=["join inputs=plus,ports on=port"])

    def chain(**change: list[str]) -> list[list[str]]:
        ws.flow.edit("prep", **change)
        flow = records.find(store, "prep")
        return [[one.id, *records.inputs(flow)[one.id]] for one in flow.steps]

    assert chain(move=["scale after=plus"]) == [
        ["fill", "people"], ["plus", "fill"], ["scale", "plus"], ["join", "scale", "ports"],
    ]  # fmt: skip
    assert chain(move=["join before=plus"]) == [
        ["fill", "people"], ["join", "fill", "ports"], ["plus", "join"], ["scale", "plus"],
    ]  # fmt: skip
    assert chain(add=["drop-missing columns=age after=fill id=drop"]) == [
        ["fill", "people"], ["drop", "fill"], ["join", "drop", "ports"], ["plus", "join"], ["scale", "plus"],
    ]  # fmt: skip
    known = "filter where='port is not null' inputs=ports id=known"
    assert chain(add=[known, "sort columns=age before=join"])[2:4] == [
        ["sort", "drop"], ["join", "sort", "ports"],
    ]  # fmt: skip
    assert chain(move=["known before=fill"])[:2] == [["known", "ports"], ["fill", "people"]]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("fil-missing columns=age", "there is no transform 'fil-missing' .did you mean fill-missing"),
        ("fill-missing colums=age", "fill-missing has no parameter 'colums' .did you mean columns"),
        ("fill-missing columns=age method=meen", "--method takes one of mean, median, mode, constant, not 'meen'"),
        ("one-hot-encode columns=port limit=many", "--limit takes a whole number"),
        ("fill-missing", "fill-missing needs columns"),
        ("fill-missing age", "'age' is not NAME=VALUE"),
        ("fill-missing 'columns=age", "no closing quotation"),
        ("scale columns=age after=nothing", "prep has no step 'nothing'"),
        ("scale columns=age id=people", "a step or source is called 'people' already"),
        ("scale columns=age id=a/b", "name of a step"),
        ("scale {bad", "this is no JSON object"),
        ('scale {"columns": "age"}', "columns: it takes a list, and not a text"),
        ("python code=" + "1" * 100_001, "code is a text of 100,001 characters, and 100,000 are the most"),
        ("join on=port inputs=people,nowhere", "step join takes 'nowhere', which is no step and no source"),
    ],
)
def test_words_that_say_nothing_are_one_sentence_and_change_nothing(ws: api.Workspace, words: str, said: str) -> None:
    ws.flow.new("prep", source=["people"])
    before = file(ws, "prep").read_bytes()
    with pytest.raises((BadOption, BadInput, BadName), match=said):
        ws.flow.edit("prep", add=[words])
    assert file(ws, "prep").read_bytes() == before


def test_comments_and_unknown_fields_of_the_file_stay(ws: api.Workspace) -> None:
    ws.flow.new("prep", source=["people"], add=["scale columns=age"])
    text = file(ws, "prep").read_text().replace("[[steps]]", '# my reason\n[[steps]]\nowner = "ana"  # hers')
    file(ws, "prep").write_text('team = "red"\n' + text)
    ws.flow.edit("prep", add=["filter where='age > 1' before=scale"], set=["scale method=robust"])
    now = file(ws, "prep").read_text()
    assert all(one in now for one in ('team = "red"', "# my reason", 'owner = "ana"  # hers', 'method = "robust"'))
    assert [one.id for one in ws.flow.show("prep").steps] == ["filter", "scale"]


def test_changes_are_taken_back_one_by_one_and_made_again(ws: api.Workspace) -> None:
    ws.flow.new("walked", source=["people"])
    for column in ("age", "fare", "empty"):
        ws.flow.edit("walked", add=[f"scale columns={column}"])
    counts = [len(ws.flow.undo("walked").steps) for _ in range(3)]
    assert counts == [2, 1, 0]
    with pytest.raises(NotReady, match="no change of walked to take back"):
        ws.flow.undo("walked")
    assert [len(ws.flow.redo("walked").steps) for _ in range(2)] == [1, 2]
    ws.flow.edit("walked", add=["scale columns=id"])
    shown = ws.flow.show("walked")
    assert (shown.undo, shown.redo, len(shown.steps)) == (3, 0, 3)
    assert ws.flow.undo("walked").steps[-1].params["columns"] == ["fare"]


def test_an_edit_by_hand_can_be_taken_back_too(ws: api.Workspace) -> None:
    ws.flow.new("handmade", source=["people"], add=["scale columns=age"])
    file(ws, "handmade").write_text(file(ws, "handmade").read_text().replace("age", "fare"))
    assert ws.flow.show("handmade").steps[0].params["columns"] == ["fare"]
    ws.flow.edit("handmade", add=["scale columns=id"])
    ws.flow.undo("handmade")
    assert ws.flow.undo("handmade").steps[0].params["columns"] == ["age"]


def test_what_is_wrong_in_a_file_is_said_with_its_line_and_hides_no_other_flow(ws: api.Workspace) -> None:
    ws.flow.new("fine", source=["people"])
    file(ws, "broken").write_text('[sources]\npeople = "people"\n\n[[steps]]\nid = 3\ntype = "scale"\n')
    with pytest.raises(Corrupt, match="line 5"):
        ws.flow.show("broken")
    assert {one.name: bool(one.wrong) for one in ws.flow.ls()} == {"broken": True, "fine": False}
    file(ws, "broken").unlink()


def test_a_circle_and_names_that_are_there_twice_are_said() -> None:
    def flow(*steps: FlowStep) -> Flow:
        return Flow(name="f", sources={"people": "people"}, steps=list(steps))

    circle = flow(FlowStep(id="a", type="scale", inputs=["b"]), FlowStep(id="b", type="scale", inputs=["a"]))
    with pytest.raises(BadInput, match="go round in a circle: b -> a -> b"):
        records.ordered(circle)
    with pytest.raises(BadInput, match=r"two steps or sources are called 'people'"):
        records.ordered(flow(FlowStep(id="people", type="scale")))
    with pytest.raises(BadInput, match=r"takes 'peple', which is no step and no source.*did you mean people"):
        records.ordered(flow(FlowStep(id="a", type="scale", inputs=["peple"])))
    long = flow(*(FlowStep(id=f"s{place}", type="scale") for place in range(3000)))
    assert len(records.ordered(long)) == 3000


def test_a_name_is_checked_and_one_that_is_not_there_is_guessed(ws: api.Workspace) -> None:
    ws.flow.new("prepare", source=["people"])
    with pytest.raises(NotFound, match=r"no flow called 'prepaer' .did you mean prepare"):
        ws.flow.show("prepaer")
    with pytest.raises(BadOption, match="called 'prepare' already"):
        ws.flow.new("prepare", source=["people"])
    with pytest.raises(NotFound):
        ws.flow.new("other", source=["nothing"])
    for name in ("../x", "a/b", ".x", "a\x1b[31m"):
        with pytest.raises(BadName):
            ws.flow.new(name, source=["people"])


def test_a_flow_that_somebody_changes_at_the_same_moment_is_not_overwritten(ws: api.Workspace) -> None:
    ws.flow.new("shared", source=["people"])

    def slowly(flow: Flow) -> None:
        file(ws, "shared").write_text(
            file(ws, "shared").read_text().replace('description = ""', 'description = "hers"')
        )
        editing.add(flow, "scale columns=age")

    with pytest.raises(Conflict):
        records.change(Workspace.open(ws.root).store, "shared", slowly)
    assert ws.flow.show("shared").description == "hers"


def test_the_trash_gives_a_flow_back(ws: api.Workspace) -> None:
    ws.flow.new("gone", source=["people"])
    assert ws.flow.rm("gone", dry_run=True).trash is None
    token = ws.flow.rm("gone").trash
    assert "gone" not in {one.name for one in ws.flow.ls()}
    assert ws.flow.restore(token).flow == "gone" and ws.flow.show("gone").name == "gone"


def test_forms_can_be_made_of_the_catalogue() -> None:
    forms = {one.name: one for one in catalogue.listed()}
    fill = {one.name: one for one in forms["fill-missing"].fields}
    assert fill["columns"].required and fill["columns"].repeated and fill["columns"].completes == "column"
    assert fill["method"].choices == ["mean", "median", "mode", "constant"] and fill["method"].default == "median"
    assert forms["lag"].serving == "refused" and forms["scale"].learns and forms["python"].memory == "holds"
    assert all(one.summary and all(field.help for field in one.fields) for one in forms.values())
