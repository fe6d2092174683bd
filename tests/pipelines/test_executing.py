"""Pipelines are executed: what is done once, what is done again, and what people ask meanwhile."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import cupola
from cupola import api
from cupola.errors import BadInput, BadOption, Conflict, NotFound, NotReady, WorkFailed
from cupola.jobs import agents, attempts
from cupola.jobs import records as jobs
from cupola.workspace import Workspace

STEPS = '''\
import os
import time
from pathlib import Path


def noted(name, value=0):
    """Says in the workspace that it was called."""
    with Path("called.txt").open("a") as file:
        file.write(f"{name}\\n")
    return {"value": value, "metrics": {"score": value / 10}}


def flaky(path, times):
    path = Path(path)
    count = int(path.read_text()) if path.exists() else 0
    path.write_text(str(count + 1))
    if count < times:
        raise TimeoutError(f"try {count}")
    return count


def hangs_once(path):
    if Path(path).exists():
        return "again"
    Path(path).write_text("")
    time.sleep(600)


def nap(seconds, value=0):
    time.sleep(seconds)
    return value


def die():
    os.kill(os.getpid(), 9)


def not_json():
    return {"value": object()}


def best(scores, values):
    return {"value": values[scores.index(max(scores))]}
'''

SCRIPT = """\
import json, os, sys
out = os.environ["CUPOLA_OUTPUTS"]
print("arguments", sys.argv[1:])
with open(f"{out}/rows.csv", "w") as file:
    file.write(",".join(sys.argv[1:]))
with open(f"{out}/report.json", "w") as file:
    json.dump({"regression": {"mse": [0.5, 0.25]}}, file)
"""

CHAIN = """\
[parameters]
value = 1
threshold = 0.05

[steps.first]
type = "Lambda"
function = "steps:noted"
parameters = { name = "first", value = "${parameters.value}" }

[steps.script]
type = "Processing"
script = "src/script.py"
arguments = ["${steps.first.outputs.value}", "b"]
outputs = { rows = "rows.csv" }
property_files = { report = "report.json" }

[steps.second]
type = "Lambda"
function = "steps:noted"
parameters = { name = "second", value = 5 }

[steps.good]
type = "Condition"
conditions = [
  { type = "GreaterThan", left = "${steps.first.metrics.score}", right = "${parameters.threshold}" },
  { type = "LessThan", left = "${steps.script.properties.report.regression.mse[1]}", right = 0.5 },
]
if_steps = ["yes"]
else_steps = ["no"]

[steps.yes]
type = "Lambda"
function = "steps:noted"
parameters = { name = "yes of ${execution.pipeline}" }

[steps.no]
type = "Fail"
error_message = "${steps.first.metrics.score} is too low"
"""


@pytest.fixture(scope="module")
def ws(host: Path, tmp_path_factory: pytest.TempPathFactory) -> api.Workspace:
    root = tmp_path_factory.mktemp("pipelines") / "ws"
    opened = cupola.init(root)
    (root / "src").mkdir()
    (root / "pipelines").mkdir()
    (root / "src" / "steps.py").write_text(STEPS)
    (root / "src" / "script.py").write_text(SCRIPT)
    return opened


def write(ws: api.Workspace, name: str, text: str) -> str:
    (ws.root / "pipelines" / name).write_text(text)
    return name.partition(".")[0]


def called(ws: api.Workspace) -> list[str]:
    path = ws.root / "called.txt"
    found = path.read_text().split("\n")[:-1] if path.exists() else []
    path.unlink(missing_ok=True)
    return found


def by_name(execution: Any) -> dict[str, Any]:
    return {one.name: one for one in execution.steps}


def until(ws: api.Workspace, execution: str, there: Callable[[Any], bool]) -> Any:
    deadline = time.monotonic() + 180
    while not there(found := ws.pipeline.show(execution)):
        assert time.monotonic() < deadline, found
        time.sleep(0.05)
    return found


def test_what_has_not_changed_is_not_done_again_and_why_says_what_has(ws: api.Workspace) -> None:
    write(ws, "chain.toml", CHAIN)
    first = ws.pipeline.run("chain").wait(timeout=180)
    steps = by_name(first)
    assert sorted(called(ws)) == ["first", "second", "yes of chain"]
    assert steps["good"].result is True and steps["no"].status == "Skipped"
    assert (ws.root / steps["script"].outputs["rows"]).read_text() == "1,b"
    assert ws.pipeline.log(first.execution, "script").text == "arguments ['1', 'b']\n"

    again = ws.pipeline.run("chain").wait(timeout=180)
    assert called(ws) == []
    assert [one.name for one in again.steps if one.cached] == ["first", "script", "second", "yes"]
    assert by_name(again)["first"].origin == first.execution
    assert ws.pipeline.why(again.execution, "first").cached

    other = ws.pipeline.run("chain", param={"value": "2"}).wait(timeout=180)
    assert called(ws) == ["first"]
    assert [one.name for one in other.steps if one.cached] == ["second", "yes"]
    assert ws.pipeline.why(other.execution, "first").changes == ["the parameter value was 1, and is 2"]

    source = ws.root / "src" / "script.py"
    source.write_text(SCRIPT.replace("arguments", "its arguments"))
    why = ws.pipeline.why("chain", "script")
    assert why.changes == ['the code of src/script.py has changed, line 3: print("its arguments", sys.argv[1:])']
    assert ws.pipeline.why("chain", "second").cached
    source.write_text("raise SystemExit(3)")
    with pytest.raises(WorkFailed):
        ws.pipeline.run("chain", param={"value": "2"}).wait(timeout=180)
    why = ws.pipeline.why("chain", "yes")
    assert why.cached, "it was not come to, and is known from the execution before"
    assert why.said.endswith("unless script, which would be done again before it, gives something else")
    source.write_text(SCRIPT)


def test_files_that_are_gone_are_made_again(ws: api.Workspace) -> None:
    write(ws, "gone.toml", CHAIN)
    steps = by_name(ws.pipeline.run("gone").wait(timeout=180))
    called(ws)
    (ws.root / steps["script"].outputs["rows"]).unlink()
    again = by_name(ws.pipeline.run("gone").wait(timeout=180))
    assert not again["script"].cached and again["first"].cached
    assert not by_name(ws.pipeline.run("gone", no_cache=True).wait(timeout=180))["first"].cached
    called(ws)


def test_a_fail_step_ends_the_execution_and_says_why(ws: api.Workspace) -> None:
    write(ws, "fails.toml", CHAIN)
    with pytest.raises(WorkFailed, match=r"0\.1 is too low"):
        ws.pipeline.run("fails", param={"threshold": "0.5"}).wait(timeout=180)
    found = ws.pipeline.executions("fails")[0]
    assert (found.status, found.reason) == ("Failed", "0.1 is too low")
    assert by_name(found)["yes"].status == "Skipped"


TRIES = """\
[steps.again]
type = "Lambda"
function = "steps:flaky"
parameters = {{ path = "again-${{execution.id}}", times = 2 }}
retry = {{ causes = ["OSError"], attempts = 3, interval = 0.01 }}
[steps.other]
type = "Lambda"
function = "{function}"
parameters = {{ {parameters} }}
{more}
"""


@pytest.mark.parametrize(
    ("function", "parameters", "more", "said"),
    [
        (
            "steps:flaky",
            'path = "x-${execution.id}", times = 9',
            'retry = { causes = ["KeyError"] }',
            "TimeoutError: try 0",
        ),
        ("steps:nap", "seconds = 60", 'timeout = "0.2s"', "it took longer than 0.2 s"),
        ("steps:die", "", "", "its process was ended by SIGKILL"),
        ("steps:not_json", "", "", "what is no JSON"),
        ("steps:nap", 'seconds = "x"', "", "TypeError: 'str' object"),
    ],
)
def test_a_step_is_tried_again_for_the_causes_that_it_names(
    ws: api.Workspace, function: str, parameters: str, more: str, said: str
) -> None:
    write(ws, "tries.toml", TRIES.format(function=function, parameters=parameters, more=more))
    with pytest.raises(WorkFailed) as failed:
        ws.pipeline.run("tries").wait(timeout=180)
    assert said in str(failed.value)
    steps = by_name(ws.pipeline.executions("tries")[0])
    assert steps["other"].attempt == 1 and steps["other"].status == "Failed"
    if "try 0" in said:
        assert "Traceback" in ws.pipeline.log("tries", "other").text
    assert steps["again"].status in ("Succeeded", "Failed", "Executing")


def test_a_function_that_cannot_be_called_so_is_refused_before_anything_is_run(ws: api.Workspace) -> None:
    write(ws, "amiss.toml", TRIES.format(function="steps:nap", parameters="minutes = 1", more=""))
    with pytest.raises(BadInput, match=r"pipelines/amiss.toml: line 6: step other: steps:nap takes no 'minutes'"):
        ws.pipeline.run("amiss")
    assert ws.pipeline.executions("amiss") == []


@pytest.mark.parametrize("type", ["Lambda", "Processing"])
def test_a_step_that_succeeds_at_its_last_try_has_succeeded(ws: api.Workspace, type: str) -> None:
    text = TRIES.format(function="steps:nap", parameters="seconds = 0", more="").replace("Lambda", type, 1)
    write(ws, "last.toml", text)
    found = by_name(ws.pipeline.run("last").wait(timeout=180))
    assert (found["again"].attempt, found["again"].outputs) == (3, {"value": 2})


FLAKY = """\
[steps.again]
type = "Lambda"
function = "steps:flaky"
parameters = { path = "flaky", times = 3 }
retry = { attempts = 2, interval = 0.01 }
"""


def test_a_step_that_is_gone_on_with_has_all_of_its_tries_again(ws: api.Workspace) -> None:
    write(ws, "flaky.toml", FLAKY)
    with pytest.raises(WorkFailed, match="try 1"):
        ws.pipeline.run("flaky").wait(timeout=180)
    found = by_name(ws.pipeline.retry("flaky").wait(timeout=180))
    assert (found["again"].attempt, found["again"].outputs) == (4, {"value": 3})


HANGS = """\
[steps.hangs]
type = "Processing"
function = "steps:hangs_once"
parameters = { path = "hangs-${execution.id}" }
"""


def test_a_step_whose_keeper_was_killed_is_begun_again_unasked(ws: api.Workspace) -> None:
    write(ws, "hangs.toml", HANGS)
    started = ws.pipeline.run("hangs")
    until(ws, started.execution, lambda found: (ws.root / f"hangs-{found.execution}").exists())
    found = until(ws, started.execution, lambda found: bool(by_name(found)["hangs"].job))
    store = Workspace.open(ws.root).store
    job = jobs.find(store, by_name(found)["hangs"].job)
    [(_, attempt)] = [one for one in attempts.open_here(store) if one[0].id == job.id]
    os.kill(attempt.keeper.pid, signal.SIGKILL)
    step = by_name(started.wait(timeout=180))["hangs"]
    assert (step.outputs, step.attempt, step.interruptions) == ({"value": "again"}, 2, 1)


def test_a_step_whose_job_waits_for_a_cpu_says_so(ws: api.Workspace) -> None:
    text = '[steps.script]\ntype = "Processing"\nscript = "src/script.py"\narguments = ["${execution.id}"]\n'
    write(ws, "waits.toml", text)
    ws.agent.start()
    busy = ws.job.submit(["sleep", "600"], cpus=agents.slots()["cpus"])
    started = ws.pipeline.run("waits")
    found = until(ws, started.execution, lambda now: by_name(now)["script"].secondary_status == "Waiting")
    assert found.status == by_name(found)["script"].status == "Executing"
    until(ws, started.execution, lambda now: "CPU" in by_name(now)["script"].message)
    ws.job.stop(busy.job)
    started.wait(timeout=180)


EACH = """\
[steps.each]
type = "ForEach"
items = [{ value = 3 }, { value = 9 }, { value = 4 }]
[steps.each.step]
type = "Lambda"
function = "steps:noted"
parameters = { name = "each", value = "${item.value}" }
[steps.best]
type = "Lambda"
function = "steps:best"
parameters = { scores = "${steps.each.metrics.score}", values = "${steps.each.outputs.value}" }
"""


def test_a_foreach_runs_one_step_for_each_item(ws: api.Workspace) -> None:
    write(ws, "each.toml", EACH)
    found = ws.pipeline.run("each").wait(timeout=180)
    assert by_name(found)["best"].outputs == {"value": 9}
    assert [one.name for one in found.steps] == ["each", "each[0]", "each[1]", "each[2]", "best"]
    called(ws)
    write(ws, "each.toml", EACH.replace("value = 4", "value = 5"))
    again = ws.pipeline.run("each").wait(timeout=180)
    assert [one.name for one in again.steps if one.cached] == ["each[0]", "each[1]", "best"] or called(ws) == ["each"]


SOME = """\
parallel = 1
[steps.before]
type = "Lambda"
function = "steps:flaky"
parameters = { path = "before-${execution.id}", times = 0 }
cache = false
[steps.each]
type = "ForEach"
items = [0, 1, 0]
cache = false
[steps.each.step]
type = "Lambda"
function = "steps:flaky"
parameters = { path = "each-${item}-${execution.id}-${steps.before.outputs.value}", times = "${item}" }
"""


def test_a_retry_of_a_foreach_does_only_the_items_that_have_not_succeeded(ws: api.Workspace) -> None:
    write(ws, "some.toml", SOME)
    started = ws.pipeline.run("some")
    with pytest.raises(WorkFailed, match=r"each\[1\]: TimeoutError: try 0"):
        started.wait(timeout=180)
    ended = ws.pipeline.retry(started.execution).wait(timeout=180)
    steps = by_name(ended)
    assert (steps["before"].attempt, steps["each[0]"].attempt, steps["each[1]"].attempt) == (1, 1, 2)
    assert steps["each"].outputs["value"][1] == 1


ASKS = """\
[steps.ask]
type = "Callback"
message = "shall it go on?"
[steps.file]
type = "Callback"
file = "there.txt"
[steps.after]
type = "Lambda"
function = "steps:nap"
parameters = { seconds = 0, value = "${steps.ask.outputs.answer} by ${steps.file.outputs.file}" }
"""


def test_a_callback_waits_for_a_person_and_for_a_file(ws: api.Workspace) -> None:
    (ws.root / "there.txt").unlink(missing_ok=True)
    write(ws, "asks.toml", ASKS)
    started = ws.pipeline.run("asks")
    until(ws, started.execution, lambda found: by_name(found)["ask"].status == "Executing")
    with pytest.raises(BadOption, match="waits for no answer"):
        ws.pipeline.answer(started.execution, "after")
    with pytest.raises(NotFound):
        ws.pipeline.answer(started.execution, "asks")
    said = ws.pipeline.answer(
        started.execution, "ask", output={"answer": "yes", "ok": "true", "rows": "12", "id": '"7"'}
    )
    assert said.outputs == {"answer": "yes", "ok": True, "rows": 12, "id": "7"}
    with pytest.raises((Conflict, NotReady)):
        ws.pipeline.answer(started.execution, "ask")
    (ws.root / "there.txt").write_text("")
    ended = started.wait(timeout=180)
    assert by_name(ended)["after"].outputs == {"value": "yes by there.txt"}


def test_a_callback_is_answered_by_an_http_call(ws: api.Workspace) -> None:
    write(ws, "posted.toml", ASKS)
    started = ws.pipeline.run("posted")
    gateway = ws.mlflow.serve().url.rstrip("/")
    address = f"{gateway}/pipelines/{started.execution}/steps/ask"
    refused = httpx.post(address, json={"output": {}}, timeout=180)
    assert refused.status_code == 400 and "there is no 'output' here" in refused.text
    assert httpx.post(f"{gateway}/pipelines/none/steps/ask", json={}, timeout=180).status_code == 404
    assert httpx.post(address, json={"outputs": {"answer": 7}}, timeout=180).status_code == 200
    assert httpx.post(address, json={}, timeout=180).status_code in (400, 409)
    (ws.root / "there.txt").write_text("")
    assert by_name(started.wait(timeout=180))["after"].outputs == {"value": "7 by there.txt"}
    ws.mlflow.stop()


def test_an_answer_can_let_a_callback_fail_and_a_retry_asks_again(ws: api.Workspace) -> None:
    (ws.root / "there.txt").unlink(missing_ok=True)
    write(ws, "refuses.toml", ASKS)
    started = ws.pipeline.run("refuses")
    until(ws, started.execution, lambda found: by_name(found)["ask"].status == "Executing")
    ws.pipeline.answer(started.execution, "ask", fail="the numbers are wrong")
    with pytest.raises(WorkFailed, match="the numbers are wrong"):
        started.wait(timeout=180)
    assert by_name(ws.pipeline.show(started.execution))["file"].status == "Stopped"  # nobody is waited for any more
    again = ws.pipeline.retry(started.execution)
    until(ws, started.execution, lambda found: by_name(found)["ask"].status == "Executing")
    ws.pipeline.answer(started.execution, "ask", output={"answer": "now"})
    (ws.root / "there.txt").write_text("")
    assert by_name(again.wait(timeout=180))["after"].outputs == {"value": "now by there.txt"}


LONG = """\
[steps.first]
type = "Lambda"
function = "steps:noted"
parameters = { name = "first" }
cache = false
[steps.job]
type = "Processing"
function = "steps:nap"
parameters = { seconds = "${parameters.seconds}" }
depends_on = ["first"]
[parameters]
seconds = 600.0
"""


def test_a_stopped_execution_stops_its_jobs_and_a_retry_keeps_what_has_succeeded(ws: api.Workspace) -> None:
    write(ws, "long.toml", LONG)
    called(ws)
    started = ws.pipeline.run("long")
    found = until(ws, started.execution, lambda found: bool(by_name(found)["job"].job))
    job = by_name(found)["job"].job
    ws.pipeline.stop(started.execution)
    stopped = until(ws, started.execution, lambda found: found.over)
    assert (stopped.status, by_name(stopped)["job"].status) == ("Stopped", "Stopped")
    with pytest.raises(NotReady):
        ws.pipeline.stop(started.execution)
    assert ws.job.wait(job, timeout="180s").status == "Stopped"
    ws.pipeline.retry(started.execution)
    until(ws, started.execution, lambda found: by_name(found)["job"].job not in ("", job))
    ws.pipeline.stop(started.execution)
    until(ws, started.execution, lambda found: found.over)
    assert called(ws) == ["first"]


def test_a_result_of_what_has_changed_while_it_was_made_is_not_kept(ws: api.Workspace) -> None:
    (ws.root / "count.txt").write_text("0")
    arguments = 'function = "steps:flaky"\nparameters = { path = "count.txt", times = 0 }\n'
    write(ws, "moved.toml", f'[steps.a]\ntype = "Lambda"\n{arguments}inputs = {{ count = "count.txt" }}\n')
    for _ in range(2):
        (ws.root / "count.txt").write_text("0")
        found = ws.pipeline.run("moved").wait(timeout=180)
        assert not found.steps[0].cached and (ws.root / "count.txt").read_text() == "1"


def test_chosen_steps_take_the_others_from_an_earlier_execution(ws: api.Workspace) -> None:
    write(ws, "chosen.toml", CHAIN)
    with pytest.raises(NotReady, match="good needs first"):
        ws.pipeline.run("chosen", steps=["good"])
    ws.pipeline.run("chosen").wait(timeout=180)
    called(ws)
    found = ws.pipeline.run("chosen", steps=["second", "yes"], no_cache=True).wait(timeout=180)
    assert sorted(called(ws)) == ["second", "yes of chosen"]
    assert [one.name for one in found.steps if one.cached] == ["first", "script", "good"]
    with pytest.raises(NotFound, match="no step 'third'"):
        ws.pipeline.run("chosen", steps=["third"])


PYTHON = '''\
"""In Python."""
from typing import Literal

from cupola.pipelines import Condition, Fail, ForEach, GreaterThan, Lambda, execution, item, pipeline, step

FACTOR = 2


@step
def doubled(x: int) -> int:
    return x * FACTOR


@step(type="Processing")
def told(y, name):
    return {"text": f"{name} {y}", "metrics": {"length": len(name)}}


@pipeline
def own(x: int = 4, kind: Literal["a", "b"] = "a"):
    """Steps in Python."""
    a = doubled(x)
    b = told(a, f"{kind} of {execution.pipeline}")
    no = Fail("no", error_message=f"too long: {b.metrics.length}")
    Condition("good", conditions=[GreaterThan(b.metrics.length, 100)], if_steps=[no], else_steps=[])
    ForEach("each", items=[1, a], step=Lambda.inner(function="steps:nap", parameters={"seconds": 0, "value": item}))
'''


def test_a_pipeline_in_python_is_compiled_by_its_job(ws: api.Workspace) -> None:
    write(ws, "own.py", PYTHON)
    assert ws.pipeline.show("own").steps == []
    found = ws.pipeline.run("own", param={"x": "5"}).wait(timeout=180)
    steps = by_name(found)
    assert found.parameters == {"x": 5, "kind": "a"}
    assert steps["doubled"].outputs == {"value": 10}
    assert steps["told"].outputs == {"text": "a of own 10"}
    assert steps["each"].outputs == {"value": [1, 10]}
    shown = ws.pipeline.show("own")
    assert shown.description == "Steps in Python." and shown.parameters[1].choices == ["a", "b"]
    write(ws, "own.py", PYTHON.replace("{name} {y}", "{name}: {y}"))
    assert ws.pipeline.why("own", "doubled").cached
    assert "the code of pipelines/own.py has changed, line 16" in ws.pipeline.why("own", "told").said


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("a = doubled(x)", "a = doubled(x", r"own2.py: line \d+: this is not Python"),
        ("a = doubled(x)", "a = doubled(x, 1)", "own2.py: line 22: TypeError: too many positional arguments"),
        ("a = doubled(x)", "a = doubled(x)\n    if a.status: pass", "own2.py: line 23: .*decide with a Condition"),
        ("if_steps=[no]", 'if_steps=["yes"]', "own2.py: line 25: if_steps: there is no step 'yes'"),
        ("x: int = 4", "x: set = 4", "the parameter x is a str, int, float, bool, list or Literal"),
        ("x: int = 4", "x: list = 4", "x is a List, and not 4"),
        (
            "a = doubled(x)",
            "a = doubled(x)\n    step(lambda y: y)(a)",
            "own2.py: line 23: own.<locals>.<lambda> cannot be a step",
        ),
        ("@pipeline\n", "", "one function is marked with @pipeline, and here 0 are"),
    ],
)
def test_what_is_wrong_in_python_is_said_with_the_line(ws: api.Workspace, right: str, wrong: str, said: str) -> None:
    assert right in PYTHON
    write(ws, "own2.py", PYTHON.replace(right, wrong))
    with pytest.raises(WorkFailed, match=said):
        ws.pipeline.run("own2").wait(timeout=180)
