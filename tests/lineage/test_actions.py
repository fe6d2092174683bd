"""What came from what, over runs, models and endpoints."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.registry.conftest import Finish

from cupola.errors import Ambiguous, BadOption, NotFound
from cupola.lineage.actions import lineage
from cupola.lineage.graph import Lineage
from cupola.pipelines import records as pipelines
from cupola.schedules import records as schedules
from cupola.serving.records import Endpoint, Variant, save
from cupola.store import journals, names
from cupola.workspace import Workspace


def kinds(found: Lineage) -> list[str]:
    return [node.kind for node in found.nodes]


def test_both_ways_to_any_depth(ws: Workspace, finish: Finish) -> None:
    run, other = finish(), finish()
    model = ws.action("model register", run=run.id, name="late")
    ws.action("model register", run=other.id, name="other")
    save(ws.store, Endpoint(name="e", host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    whole = lineage(ws, run.id)
    assert kinds(whole) == ["dataset", "endpoint", "model", "run"]
    assert {(edge.source.split(":")[0], edge.target.split(":")[0]) for edge in whole.edges} == {
        ("dataset", "run"),
        ("run", "model"),
        ("model", "endpoint"),
    }
    assert kinds(lineage(ws, "e", up=True)) == ["dataset", "endpoint", "model", "run"]
    assert kinds(lineage(ws, "e", down=True)) == ["endpoint"]
    assert kinds(lineage(ws, "late@1", down=True)) == ["endpoint", "model"]
    assert lineage(ws, "late").nodes[0].ref == "flights@1-abcd"


def test_what_is_gone_is_still_named(ws: Workspace, finish: Finish) -> None:
    model = ws.action("model register", run=finish().id, name="late")
    save(ws.store, Endpoint(name="e", host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    from cupola.store import files

    files.trash(ws.store, model.directory)
    assert [(node.ref, node.status) for node in lineage(ws, "e").nodes if node.kind == "model"] == [
        (model.ref, "Missing")
    ]


def test_a_name_of_two_kinds_has_to_say_which(ws: Workspace, finish: Finish) -> None:
    model = ws.action("model register", run=finish().id, name="late")
    save(ws.store, Endpoint(name="late", host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    with pytest.raises(Ambiguous, match="model, endpoint"):
        lineage(ws, "late")
    assert lineage(ws, "endpoint:late").root == "endpoint:late"
    with pytest.raises(NotFound):
        lineage(ws, "nothing")
    with pytest.raises(BadOption):
        lineage(ws, "model:late", up=True, down=True)


def test_a_name_goes_before_the_beginning_of_an_id(ws: Workspace, finish: Finish) -> None:
    run = finish()
    model = ws.action("model register", run=run.id, name="late")
    save(ws.store, Endpoint(name=run.id[:1], host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    assert lineage(ws, run.id[:1]).root == f"endpoint:{run.id[:1]}"
    assert lineage(ws, run.id[:6]).root == f"run:{run.id}"


def test_a_version_that_is_marked_as_bad_shows_all_that_came_from_it(ws: Workspace, finish: Finish) -> None:
    version = imported(ws)
    bad, other = finish(), finish(dataset="flights@2-ffff")
    model = ws.action("model register", run=bad.id, name="late")
    clean = ws.action("model register", run=other.id, name="clean")
    for name, served in (("e", model.ref), ("clean", clean.ref)):
        save(ws.store, Endpoint(name=name, host="h", user="u", variants=[Variant(name="v", model=served)]))
    marked = ws.action("dataset mark", dataset="flights@1", verdict="bad", note="rows twice")
    assert [(one.kind, one.name) for one in marked.downstream] == [
        ("endpoint", "e"), ("model", "late"), ("run", bad.name),
    ]  # fmt: skip
    words = f"{version} is marked as bad by {bad.user}: rows twice"
    assert {one.bad for one in marked.downstream} == {words}
    for kind, name in (("run", bad.id), ("model", "late"), ("endpoint", "e"), ("dataset", "flights@1")):
        assert ws.action(f"{kind} show", **{kind: name}).bad == words
        listed = ws.action(f"{kind} ls", filter="bad exists")
        assert [one.bad for one in listed] == [words], kind
    assert {one.bad for one in lineage(ws, "e", up=True).nodes} == {words}
    assert {one.bad for one in lineage(ws, "late", down=True).nodes} == {words}
    assert {one.bad for one in lineage(ws, "endpoint:clean").nodes} == {""}
    ws.action("dataset mark", dataset="flights@1", verdict="good")
    assert ws.action("endpoint ls", filter="bad exists") == []
    assert [act.verb for act in ws.action("activity", ref="flights@1")][:2] == ["marked good", "marked bad"]


def test_it_is_drawn_as_a_tree(ws: Workspace, finish: Finish) -> None:
    imported(ws)
    run = finish()
    models = [ws.action("model register", run=run.id, name="late") for _ in range(2)]
    variants = [Variant(name=f"v{place}", model=one.ref) for place, one in enumerate(models)]
    save(ws.store, Endpoint(name="e", host="h", user="u", variants=variants))
    whole = lineage(ws, "endpoint:e")
    status = next(one.status for one in whole.nodes if one.kind == "endpoint")
    assert whole.text.splitlines() == [
        f"endpoint e  {status}",
        "",
        "came from",
        f"├─ model {models[0].ref}  PendingManualApproval",
        f"│  └─ run {run.name} ({run.id})  Completed",
        f"│     └─ dataset {run.dataset}",
        f"└─ model {models[1].ref}  PendingManualApproval",
        f"   └─ run {run.name} ({run.id})  Completed  (as above)",
    ]  # fmt: skip
    assert "came from nothing" in lineage(ws, "flights", up=True).text


def test_of_many_the_first_are_drawn(ws: Workspace, finish: Finish) -> None:
    imported(ws)
    for _ in range(45):
        finish(extra={"model.skops": b"m"})
    found = lineage(ws, "flights")
    assert len(found.nodes) == 46
    assert found.text.splitlines()[-1] == "└─ ... and 5 more"
    assert len(found.text.splitlines()) == 44


def imported(ws: Workspace) -> str:
    """A version of a dataset, as far as lineage is concerned."""
    from cupola.datasets.records import DatasetVersion
    from cupola.store import names, records

    user, host = names.who()
    version = DatasetVersion(
        id="abcd", dataset="flights", version=1, rows=1, columns=[], sha256="", data_sha256="", source="f.csv",
        source_format="csv", bytes=1, user=user, host=host, imported=names.now(),
    )  # fmt: skip
    records.create(ws.store, f"{version.directory}/version.json", version, kind="dataset", ref=version.ref)
    return version.ref


def test_trials_stand_below_their_tuning_and_that_below_its_data(ws: Workspace, finish: Finish) -> None:
    from cupola.tuning import records as tunings

    version = imported(ws)
    for one, before in (("first", []), ("second", ["first"])):
        made = tunings.Tuning(
            id=one, name=f"{one}-tuning", experiment="flights", user="ana", host="box", submitted="2026-11-25",
            directions=["maximize"], training={"dataset": version}, warm_start=before,
        )  # fmt: skip
        tunings.create(ws.store, made)
    trial, alone = finish(tuning="second", trial=0), finish()
    whole = lineage(ws, "flights")
    assert {(edge.source, edge.target) for edge in whole.edges} == {
        (f"dataset:{version}", "tuning:first"),
        (f"dataset:{version}", "tuning:second"),
        ("tuning:first", "tuning:second"),
        ("tuning:second", f"run:{trial.id}"),
        (f"dataset:{version}", f"run:{alone.id}"),
    }
    up = lineage(ws, trial.id, up=True)
    assert {node.id for node in up.nodes} == {
        f"run:{trial.id}", "tuning:second", "tuning:first", f"dataset:{version}",
    }  # fmt: skip
    assert lineage(ws, "second-tuning").root == "tuning:second"
    assert [one.kind for one in ws.action("find", query="first-tuning")] == ["tuning"]


def test_a_model_from_elsewhere_names_no_run_of_here(ws: Workspace, finish: Finish, tmp_path: Path) -> None:
    ws.action("model register", run=finish().id, name="late")
    ws.action("model export", model="late", path=str(tmp_path / "late.zip"))
    elsewhere = Workspace.init(tmp_path / "elsewhere")
    elsewhere.action("model import", path=str(tmp_path / "late.zip"))
    assert kinds(lineage(elsewhere, "late")) == ["model"]


def test_a_flow_stands_between_the_data_and_what_was_trained_with_it(ws: Workspace, finish: Finish) -> None:
    one, other = finish(flow="prep@aaaaaaaaaaaa"), finish(flow="prep@bbbbbbbbbbbb")
    plain = finish()
    model = ws.action("model register", run=one.id, name="late")
    assert model.flow == "prep@aaaaaaaaaaaa"
    found = ws.action("lineage", reference="flow:prep@aaaaaaaaaaaa")
    assert [(edge.source, edge.target) for edge in found.edges] == [
        ("dataset:flights@1-abcd", "flow:prep@aaaaaaaaaaaa"),
        ("flow:prep@aaaaaaaaaaaa", f"run:{one.id}"),
        (f"run:{one.id}", f"model:{model.ref}"),
    ]
    up = ws.action("lineage", reference=f"run:{other.id}", up=True)
    assert {node.kind for node in up.nodes} == {"dataset", "flow", "run"}
    assert {node.kind for node in ws.action("lineage", reference=f"run:{plain.id}").nodes} == {"dataset", "run"}
    with pytest.raises(Ambiguous, match="used in 2 states"):
        ws.action("lineage", reference="flow:prep")
    with pytest.raises(NotFound, match="with a flow 'nope'"):
        ws.action("lineage", reference="flow:nope")


def test_what_the_joins_of_a_flow_look_up_stands_before_what_was_trained_with_it(ws: Workspace, finish: Finish) -> None:
    made = finish(flow="prep@aaaaaaaaaaaa", looked_up=["weather@2-beef"])
    edge = ("dataset:weather@2-beef", "flow:prep@aaaaaaaaaaaa")
    for reference, ways in ((f"run:{made.id}", {"up": True}), ("flow:prep", {"up": True})):
        assert edge in [(one.source, one.target) for one in ws.action("lineage", reference=reference, **ways).edges]


def test_a_dataset_leads_to_what_looks_columns_up_in_it(ws: Workspace, finish: Finish) -> None:
    version = imported(ws)
    made = finish(flow="prep@aaaaaaaaaaaa", dataset="other@1-abcd", looked_up=[version])
    finish(dataset="other@1-abcd")
    found = lineage(ws, f"dataset:{version}", down=True)
    assert [(one.source, one.target) for one in found.edges] == [
        (f"dataset:{version}", "flow:prep@aaaaaaaaaaaa"), ("flow:prep@aaaaaaaaaaaa", f"run:{made.id}"),
    ]  # fmt: skip


def test_an_execution_stands_before_what_its_steps_have_made(ws: Workspace, finish: Finish) -> None:
    version = imported(ws)
    run, by_hand = finish(), finish()
    model = ws.action("model register", run=run.id, name="late")
    save(ws.store, Endpoint(name="late", host="h", user="u", variants=[Variant(name="v", model=model.ref)]))
    variants = [{"name": "v", "model": model.ref}]
    made: dict[str, tuple[str, dict[str, Any]]] = {
        "train": ("Training", {"run": run.id, "experiment": run.experiment}),
        "register": ("RegisterModel", {"ref": model.ref, "name": "late", "run": run.id}),
        "deploy": ("Endpoint", {"name": "late", "variants": variants}),
        "import": ("Processing", {"ref": version, "dataset": "flights", "name": "flights"}),
        "own": ("Lambda", {"run": by_hand.id, "experiment": run.experiment}),
    }
    first = executed(ws, "late", made, "2026-01-01")
    again = executed(ws, "late", {"deploy": made["deploy"]}, "2026-01-02")
    later = executed(ws, "late", {"import": made["import"]}, "9999-01-01")
    node = f"execution:{first}"
    assert {(edge.source, edge.target) for edge in lineage(ws, first).edges if edge.source == node} == {
        (node, f"run:{run.id}"), (node, f"model:{model.ref}"), (node, "endpoint:late"), (node, f"dataset:{version}"),
    }  # fmt: skip
    assert node in [one.id for one in lineage(ws, "endpoint:late", up=True).nodes]
    assert kinds(lineage(ws, by_hand.id, up=True)) == ["dataset", "execution", "run"]  # the data was imported by it
    assert f"execution late ({first})" in lineage(ws, "model:late", up=True).text
    assert kinds(lineage(ws, again)) == kinds(lineage(ws, later)) == ["execution"]
    with pytest.raises(Ambiguous, match=r"several records \(model, endpoint\)"):
        lineage(ws, "late")
    assert lineage(ws, "execution:late").root == f"execution:{later}"
    found = ws.action("find", query="kind = execution and pipeline = late")
    assert [(one.kind, one.ref) for one in found] == [("execution", one) for one in (later, again, first)]
    assert "execution" in [one.kind for one in ws.action("find", query="late")]


def test_a_schedule_stands_before_what_it_has_started(ws: Workspace, finish: Finish) -> None:
    run = finish()
    first = executed(ws, "nightly", {"train": ("Training", {"run": run.id, "experiment": "x"})}, "2026-01-01")
    gone = names.new_id()
    wish = schedules.Schedule(
        name="nightly", id=names.new_id(), action="pipeline run", arguments={"pipeline": "nightly"}, every="1d",
        user="ana", since="2026-01-01T00:00:00.000000Z",
    )  # fmt: skip
    schedules.save(ws.store, wish, None)
    for key, started in (("a", first), ("b", gone), ("c", "")):
        made = schedules.Firing(
            key=key, schedule="nightly", due=wish.since, fired=wish.since, user="ana", host="box", kind="execution",
            started=started,
        )  # fmt: skip
        schedules.write_firing(ws.store, made)
    found = lineage(ws, "schedule:nightly")
    assert {edge.target for edge in found.edges if edge.source == found.root} == {
        f"execution:{first}", f"execution:{gone}"
    }  # fmt: skip
    assert next(one.status for one in found.nodes if one.ref == gone) == "Missing"
    assert kinds(lineage(ws, first, up=True)) == ["execution", "schedule"]
    assert "schedule" in kinds(lineage(ws, run.id, up=True))
    assert lineage(ws, "nightly").root == f"execution:{first}", "a schedule is called as the pipeline that it runs"


def executed(ws: Workspace, pipeline: str, made: dict[str, tuple[str, dict[str, Any]]], submitted: str) -> str:
    """An execution whose steps have succeeded with these types and outputs."""
    steps = [
        pipelines.Step(name=name, type=kind, arguments={"action": "x"} if kind == "Processing" else {})
        for name, (kind, _) in made.items()
    ]
    one = pipelines.Execution(
        id=names.new_id(), pipeline=pipeline, user="ana", host="box", submitted=f"{submitted}T00:00:00.000000Z",
        job=names.new_id(),
        definition=pipelines.Pipeline(name=pipeline, path=f"pipelines/{pipeline}.toml", sha256="0" * 64, steps=steps),
    )  # fmt: skip
    pipelines.create(ws.store, one)
    states = [
        pipelines.StepState(name=name, type=kind, status="Succeeded", outputs=outputs)
        for name, (kind, outputs) in made.items()
    ]
    lines = [{"op": "begin", "job": one.job}]
    lines += [{"op": "end", "step": each.name, "state": msgspec.to_builtins(each)} for each in states]
    journals.append(ws.store, f"{one.directory}/steps/{one.job}.1.jsonl", lines)
    return one.id
