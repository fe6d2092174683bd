"""What a merge makes of pipelines, executions, flows and schedules."""

import shutil
from collections.abc import Callable

import msgspec
from tests.merging.conftest import Merging
from tests.merging.records import carried

from cupola.flows.records import Flow
from cupola.flows.records import create as create_flow
from cupola.pipelines import records as pipelines
from cupola.pipelines import standing
from cupola.schedules import records as schedules
from cupola.store import Store, files, journals
from cupola.workspace import Workspace

Copy = Callable[[], Workspace]


def executes(store: Store, ident: str) -> pipelines.Execution:
    one = pipelines.Execution(
        id=ident, pipeline="nightly", user="ana", host="box", submitted="2026-11-30T00:00:00Z", job=f"j{ident}",
        definition=pipelines.Pipeline(
            name="nightly", path="pipelines/nightly.toml", sha256="0" * 64,
            steps=[pipelines.Step(name=name, type="Lambda") for name in ("first", "second")],
        ),
    )  # fmt: skip
    pipelines.create(store, one)
    writes(store, one, {"op": "begin", "job": one.job})
    return one


def writes(store: Store, one: pipelines.Execution, line: dict[str, object]) -> None:
    journals.append(store, f"{one.directory}/steps/{one.job}.1.jsonl", [line])


def ends(store: Store, one: pipelines.Execution, step: str, log: str) -> None:
    state = pipelines.StepState(name=step, type="Lambda", status="Succeeded", outputs={"log": log})
    writes(store, one, {"op": "end", "step": step, "state": msgspec.to_builtins(state)})
    files.write_bytes(store, f"{one.directory}/work/{step}/1/log.txt", log.encode())


def keeps(store: Store, ended: str) -> None:
    result = {"execution": "e", "state": {"name": "first", "type": "Lambda", "ended": ended}}
    files.write_bytes(store, "pipelines/nightly/results/key.json", msgspec.json.encode(result))


def test_executions_and_flows_come_over_and_those_of_both_go_on(here: Workspace, there: Copy, merges: Merging) -> None:
    known = executes(here.store, "known")
    (here.root / "pipelines" / "nightly.toml").write_text('[steps.first]\ntype = "Fail"\n')
    keeps(here.store, "2026-11-30T01:00:00Z")
    other = there()
    ends(other.store, known, "first", "one\n")
    pipelines.ask(other.store, known, "stop")
    executes(other.store, "new")
    create_flow(other.store, Flow(name="prep"))
    keeps(other.store, "2026-11-30T02:00:00Z")
    dry = merges(here, other, dry_run=True)
    found = merges(here, other)
    assert found.taken == dry.taken and found.ok and not found.differs
    assert found.taken["execution"] == 1 and "1 execution" in found.text
    assert [one.id for one in pipelines.executions(here.store, "nightly")] == ["new", "known"]
    steps = standing.of(here.store, known).steps
    assert [(one.name, one.status) for one in steps] == [("first", "Succeeded"), ("second", "Waiting")]
    assert pipelines.asked(here.store, known).stopped
    assert b"02:00" in files.read_bytes(here.store, "pipelines/nightly/results/key.json")
    assert not merges(other, here).differs
    assert carried(here.root) == carried(other.root)
    ends(here.store, known, "second", "two\n")  # and what is newer here stays
    keeps(here.store, "2026-11-30T03:00:00Z")
    assert merges(here, other).taken == {}
    assert "two" in (here.root / known.directory / "work/second/1/log.txt").read_text()


def test_of_a_pipeline_that_both_have_edited_one_counts_and_the_other_is_kept(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    path = here.root / "pipelines" / "nightly.toml"
    path.parent.mkdir()
    path.write_text("# first\n")
    other = there()
    path.write_text("# ours\n")
    (other.root / "pipelines/nightly.toml").write_text("# theirs\n")
    found = merges(here, other)
    assert [(one.path, one.counts) for one in found.differs] == [("pipelines/nightly.toml", "what is here")]
    assert path.read_text() == "# ours\n"
    assert (here.root / found.differs[0].kept).read_text() == "# theirs\n"


def test_a_schedule_comes_over_with_its_signature_and_what_it_has_fired(
    here: Workspace, there: Copy, merges: Merging
) -> None:
    made = schedules.Schedule(
        name="nightly", id="abcd", action="pipeline run", cron="@daily", user="ana", since="2026-11-30T00:00:00Z"
    )
    schedules.save(here.store, made)
    fired = schedules.Firing(
        key="k1", schedule="nightly", due="2026-11-30T00:00:00Z", fired="2026-11-30T00:00:00Z", user="a", host="b"
    )
    schedules.write_firing(here.store, fired)
    other = there()
    shutil.rmtree(here.root / "schedules")
    assert merges(here, other).taken == {"schedule": 1}
    assert schedules.signed(here.store, schedules.wish(here.store, "nightly"))
    fired.status = "Started"
    schedules.write_firing(other.store, fired)
    changed = schedules.wish(other.store, "nightly")
    before = msgspec.structs.replace(changed)
    changed.enabled = False
    schedules.save(other.store, changed, before)
    assert merges(here, other).ok
    assert [one.status for one in schedules.firings(here.store, "nightly")] == ["Started"]
    now = schedules.wish(here.store, "nightly")
    assert not now.enabled and schedules.signed(here.store, now)
    assert merges(here, other).taken == {}
