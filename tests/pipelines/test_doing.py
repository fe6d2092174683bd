"""What a process that takes over from one that was killed finds of the actions which that had started."""

from pathlib import Path
from typing import Any

import pytest

import cupola
from cupola import actions, api, outcome, waiting
from cupola.errors import BadInput
from cupola.pipelines import asked, calling
from cupola.pipelines.records import Execution, Pipeline
from cupola.store import names
from cupola.workspace import Workspace

ROWS = "a,b,y\n" + "".join(f"{one},{one % 7},{int(one % 3 == 0)}\n" for one in range(60))


@pytest.fixture(scope="module")
def ws(host: Path, tmp_path_factory: pytest.TempPathFactory) -> api.Workspace:
    found = cupola.init(tmp_path_factory.mktemp("taken over") / "ws")
    (found.root.parent / "rows.csv").write_text(ROWS)
    found.dataset.import_(str(found.root.parent / "rows.csv"), name="rows", target="y")
    found.flow.new("prep", source=["rows"], add=["fill-missing columns=a method=median"])
    return found


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("train", {"dataset": "rows", "estimator": "GaussianNB"}),
        ("tune", {"dataset": "rows", "estimator": "GaussianNB", "space": ["var_smoothing=1e-9..1:log"], "trials": 1}),
        ("flow run", {"flow": "prep", "dataset": "prepared"}),
        ("transform", {"model": "m", "input": "rows.csv", "output": "out.csv"}),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_an_action_has_started_is_found_as_it_gave_it(
    ws: api.Workspace, name: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    here, action = Workspace.open(ws.root), actions.find(name)
    if name == "transform":
        run = ws.train(dataset="rows", estimator="GaussianNB").wait(timeout=180)
        ws.model.register(run.run, name="m")
        arguments = arguments | {"input": str(ws.root.parent / "rows.csv"), "output": str(tmp_path / "out.csv")}
    filed = f"pipeline/x/{name}/1"
    with names.filed_under(filed):
        given = actions.run(here, name, **arguments)
    found = outcome.of(here.store, filed)
    assert found is not None
    again = asked.again(here, action, arguments, found)
    assert type(again) is type(given)
    ended = [waiting.wait(here, action, one, timeout=180) for one in (given, again)]
    assert ended[0] == ended[1]
    assert asked.outcome_of(ended[1]).outputs == asked.outcome_of(ended[0]).outputs


def test_a_function_finds_nothing_that_another_step_has_left_in_a_global(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src" / "parts").mkdir(parents=True)  # a package without __init__.py, too
    (tmp_path / "src" / "counting.py").write_text(
        "from parts import kept\n\ndef count():\n    kept.seen.append(1)\n    return len(kept.seen)\n"
    )
    (tmp_path / "src" / "parts" / "kept.py").write_text("seen = []\n")
    monkeypatch.syspath_prepend(str(tmp_path / "src"))
    definition = Pipeline(name="p", path="pipelines/p.toml", sha256="")
    execution = Execution(id="x", pipeline="p", user="u", host="h", submitted="", definition=definition)
    outputs = [calling.call(execution, "counting:count", {}, tmp_path).outputs for _ in range(2)]
    assert outputs == [{"value": 1}, {"value": 1}]


def test_what_each_reader_of_an_execution_would_have_to_read_goes_to_a_file() -> None:
    assert calling.returned({"text": "x" * 1_000_000}, "m:f").outputs
    with pytest.raises(BadInput, match=r"m:f has given back 5\.0 MB"):
        calling.returned({"text": "x" * 5_000_000}, "m:f")
