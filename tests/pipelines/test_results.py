"""What a step has come to before is taken again while what it names is there."""

from pathlib import Path

from cupola.pipelines import results
from cupola.pipelines.records import StepState
from cupola.store.names import now
from cupola.workspace import Workspace


def test_the_output_of_a_transform_that_is_gone_is_made_again(workspace: Workspace, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    state = StepState(
        name="s", type="Transform", status="Succeeded", ended=now(), fingerprint={"type": "Transform"},
        outputs={"output": str(output)},
    )  # fmt: skip
    output.write_text("1\n")
    results.keep(workspace.store, "p", "e1", state, [])
    assert results.take(workspace.store, "p", state.fingerprint, None)
    output.unlink()
    assert results.take(workspace.store, "p", state.fingerprint, None) is None


def test_a_directory_counts_with_its_files_and_a_text_that_only_looks_like_a_path_is_let_be(
    workspace: Workspace,
) -> None:
    own = "pipelines/p/executions/e1/work/s/1/outputs"
    made = workspace.root / own / "made"
    made.mkdir(parents=True)
    (made / "part").write_text("1")
    outputs = {"made": f"{own}/made", "said": f"{own} was written", "odd": f"{own}/\0"}
    state = StepState(
        name="s", type="Lambda", status="Succeeded", ended=now(), fingerprint={"a": "b"}, outputs=dict(outputs)
    )
    results.keep(workspace.store, "p", "e1", state, [*outputs.values()])
    assert results.take(workspace.store, "p", state.fingerprint, None)
    (made / "part").write_text("2")
    assert results.take(workspace.store, "p", state.fingerprint, None) is None
