"""A stand-in for `cupola.bridge` at its one seam, from fixed records; as a script it speaks the same JSON lines."""

import json
import math
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from cupola import errors

sys.path.insert(0, str(Path(__file__).parents[2]))  # as a script it is started from anywhere

from tests.tui import autopilots, evidence, grid, pipelines, reported
from tests.tui.comparisons import compared, curve, differing
from tests.tui.examples import (
    COLUMNS,
    FOUND,
    LOG,
    VIEWS,
    acts,
    datasets,
    endpoints,
    importance,
    jobs,
    lineage,
    models,
    profile,
    runs,
    stamp,
    trials,
    tunings,
    versioned,
)
from tests.tui.flows import Flows
from tests.tui.forms import FORMS


class Answers:
    """What the double says to each call; tests change its lists."""

    def __init__(self) -> None:
        self.lists: dict[str, Any] = {
            "datasets": datasets(),
            "runs": runs(),
            "jobs": jobs(),
            "models": models(),
            "endpoints": endpoints(),
            "tunings": tunings(),
            "pipelines": pipelines.pipelines(),
            "agent": [{"pid": 4711, "host": "box", "jobs": 1, "endpoints": 1}],
            "activity": acts(),
        }
        self.ready: dict[str, Any] = {
            "workspace": {
                "name": "flights",
                "path": "/srv/team/flights",
                "description": "",
                "readonly": False,
                "user": "ana",
                "host": "box",
                "mount": "local",
                "advice": None,
            },
            "error": None,
        }
        self.errors: dict[str, errors.CupolaError] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.flows = Flows()
        self.log = LOG
        self.trials = trials()
        self.autopilot = autopilots.autopilot()
        self.here: list[dict[str, Any]] = []
        self.seen = ("", "", "")
        self.changed: str | None = None
        self.report: Any = None

    def __call__(self, call: str, arguments: dict[str, Any]) -> Any:
        self.asked.append((call, arguments))
        error = self.errors.get(arguments.get("kind", call)) or self.errors.get(call)
        if error:
            raise error
        return getattr(self, f"on_{call}")(**arguments)

    def on_records(self, kind: str) -> Any:
        if kind == "flows":
            return self.flows.listed()
        return self.lists[kind]

    def on_record(self, kind: str, ref: str) -> Any:
        found = next(
            (
                one
                for one in self.lists[kind]
                if ref in (one.get("id"), one.get("tuning"), one.get("name"), f"{versioned(one)}-{one.get('id')}")
            ),
            None,
        )
        if found is None:
            raise errors.NotFound(f"there is no {kind} {ref}")
        return dict(found)

    def on_profile(self, ref: str) -> Any:
        return profile()

    def on_flow_preview(
        self, flow: str, step: str | None = None, change: Any = None, rows: int = 100, python: bool = False
    ) -> Any:
        return self.flows.preview(flow, step, change)

    def on_grid(self, ref: str, what: str, turn: int, view: Any = None, more: Any = None) -> Any:
        return grid.answer(what, view or {}, more or {})

    def on_report(self, dataset: str) -> Any:
        return self.report

    def on_metrics(self, run: str) -> Any:
        curve = [(step, 0.86 - 0.25 * math.exp(-step / 9)) for step in range(1, 41)]
        entries = [
            {"seq": 2 * step, "time": stamp(60 - step), "name": "validation_roc_auc", "value": value, "step": step}
            for step, value in curve
        ]
        entries += [
            {
                "seq": 2 * step + 1,
                "time": stamp(60 - step),
                "name": "train_roc_auc",
                "value": value + step / 400,
                "step": step,
            }
            for step, value in curve
        ]
        return {"entries": entries}

    def on_curve(self, run: str, name: str) -> Any:
        return curve(run, name)

    def on_plots(self, run: str) -> Any:
        found = self.on_record("runs", run)
        if found["status"] != "Completed":
            return {"plots": [], "thresholds": None}
        classes = found["task"] == "classification"
        return {"plots": evidence.plots(found["task"]), "thresholds": evidence.cuts() if classes else None}

    def on_artifact(self, run: str, name: str) -> Any:
        if name == "importance":
            features = [{"feature": one["name"], "importance": 0.09 / (n + 1)} for n, one in enumerate(COLUMNS[1:])]
            return {"split": "validation", "metric": "roc_auc", "features": features}
        return {"split": "test", "classes": [False, True], "matrix": [[2890, 210], [612, 384]]}

    def on_log(self, kind: str, ref: str, attempt: int | None = None, offset: int = 0, limit: int = 1 << 20) -> Any:
        data = self.log.encode()
        begin = max(0, len(data) + offset) if offset < 0 else min(offset, len(data))
        part = data[begin : begin + limit]
        return {"text": part.decode(errors="replace"), "offset": begin, "next": begin + len(part), "size": len(data)}

    def on_step_types(self) -> Any:
        return pipelines.TYPES

    def on_definition(self, pipeline: str) -> Any:
        return {"path": f"pipelines/{pipeline}.toml", "text": pipelines.DEFINITION}

    def on_paths(self, typed: str) -> Any:
        return [one for one in ("rivers.csv", "roads.csv", "data/") if one.startswith(typed)]

    def on_trials(self, tuning: str) -> Any:
        return [] if tuning == "u000000003" else self.trials[::-1]

    def on_takes(self, endpoint: str) -> Any:
        row = {"carrier": "UA", "hour": 17, "distance": 812.0, "temp": 39.02, "late": True, "origin": None}
        return {"columns": self.lists["models"][0]["signature"]["columns"], "rows": [row, row | {"hour": 6}]}

    def on_pulse(self) -> None:
        return None

    def on_team(self) -> Any:
        return {"here": self.here, "unread": sum(one["unread"] for one in self.lists["activity"])}

    def on_look(self, pane: str, kind: str, ref: str) -> None:
        self.seen = (pane, kind, ref)

    def on_notes(self, kind: str, ref: str) -> Any:
        about = ("kind", "user", "host", "time", "text", "ref", "mentions")
        found = [one for one in self.lists["activity"] if one["verb"] == "commented" and one["ref"].startswith(ref)]
        return {"tags": ["nightly", "[b]bold[/b]"], "comments": [{name: one[name] for name in about} for one in found]}

    def on_opened(self, kind: str, ref: str) -> Any:
        listed = self.flows.listed() if kind == "flow" else self.lists[f"{kind}s"]
        named = ((one.get("id"), one.get("tuning"), one.get("name"), versioned(one)) for one in listed)
        record = next((one for one, names in zip(listed, named, strict=True) if ref in names), None)
        if record is None:
            raise errors.NotFound(f"there is no {kind} {ref}")
        return {"opened": {"kind": kind, "ref": ref, "shown": {"state": str(self.changed)}}, "record": record}

    def on_changed(self, kind: str, ref: str, shown: dict[str, str]) -> str | None:
        return None if shown == {"state": str(self.changed)} else self.changed

    def on_host(self) -> Any:
        return {"cpu": 12.0, "memory": {"used": 4_000_000_000, "total": 16_000_000_000}, "gpus": []}

    def on_actions(self) -> Any:
        return [{key: value for key, value in form.items() if key != "fields"} for form in FORMS.values()]

    def on_describe(self, name: str, arguments: dict[str, Any] | None = None) -> Any:
        return FORMS[name]

    def on_check(self, name: str, arguments: dict[str, Any]) -> Any:
        wrong = {
            one["name"]: "is needed"
            for one in FORMS[name]["fields"]
            if one["required"] and not arguments.get(one["name"])
        }
        if not str(arguments.get("cpus", "1")).isdigit():
            wrong["cpus"] = "must be a whole number"
        return wrong

    def on_command(self, name: str, arguments: dict[str, Any]) -> Any:
        return f"cupola {name} " + " ".join(
            f"--{key} {value}" for key, value in arguments.items() if value not in ("", None)
        )

    def on_complete(self, kind: str, prefix: str, arguments: dict[str, Any] | None = None) -> Any:
        known = {
            "dataset": ["flights@2", "flights@1", "weather@1"],
            "column": [one["name"] for one in COLUMNS],
            "model": ["delays@3", "delays@2"],
            "estimator": ["HistGradientBoostingClassifier", "LogisticRegression", "RandomForestClassifier"],
            "run": [one["name"] for one in runs()],
            "run filter": ["user = ana", "user = raj"],
        }
        return [one for one in known.get(kind, []) if one.lower().startswith(prefix.lower())]

    def on_action(self, name: str, arguments: dict[str, Any], opened: dict[str, Any] | None = None) -> Any:
        if opened and (who := self.on_changed(**opened)):
            raise errors.Conflict(who, where=f"{opened['kind']} {opened['ref']}", hint="open the form again")
        if name.startswith("flow "):
            return self.flows.act(name, arguments)
        if name == "dataset report":
            self.report = reported.report()
            return self.report
        if name == "dataset fix":
            fix = reported.report()["warnings"][arguments["warnings"][0] - 1]["fix"]
            flow = arguments.get("flow", "flights-prepared")
            return {"flow": flow, "ref": "flights@2-7f3a", "made": "flow" not in arguments, "words": [fix["words"]]}
        if name == "dataset preview":
            return {
                "columns": ["late", "carrier", "hour", "temp"],
                "types": ["boolean", "text", "integer", "number"],
                "rows": [[True, "UA", 5, 39.02], [False, "B6", 6, None], [False, "[b]DL[/b]", 6, 39.92]],
            }
        if name == "run compare":
            return compared([self.on_record("runs", one) for one in arguments["runs"]])
        if name == "run diff":
            return differing(**arguments)
        if name == "run predictions":
            return evidence.predictions()
        if name == "run artifacts":
            return evidence.FILES
        if name == "find":
            return [] if arguments["query"] == "nothing" else FOUND
        if name == "view ls":
            return [one for one in VIEWS if one["kind"] == arguments["kind"]]
        if name == "autopilot show":
            return self.autopilot
        if name == "tuning importance":
            return importance() if self.on_trials(arguments["tuning"]) else []
        if name == "tuning narrow" and arguments.get("dry_run"):
            return tunings()[0] | {"tuning": "", "space": ["learning_rate=0.0402..0.0861:log", "max_depth=5..9"]}
        if name == "endpoint invoke":
            answer = {"predictions": [True], "probabilities": [[0.27, 0.73]], "classes": [False, True]}
            told = {"endpoint": arguments["endpoint"], "variant": "main", "content_type": "application/json"}
            return told | {"milliseconds": 2.314, "answer": answer}
        if (told := pipelines.answer(name, arguments)) is not None:
            return told
        if name == "lineage":
            return lineage(arguments["reference"])
        if name in ("comment", "tag"):
            return dict(zip(("kind", "ref"), arguments["ref"].split(":", 1), strict=True)) | {"tags": []}
        return {"status": "done"}


class Double:
    """Looks like cupola_tui.live.Bridge, answers at once."""

    def __init__(self) -> None:
        self.answers = Answers()
        self.listen: Any = None
        self.silent = 0.0
        self.ready: Future[Any] = Future()
        self.ready.set_result(self.answers.ready)
        self.starts = 0

    def start(self) -> None:
        self.starts += 1

    def ask(self, call: str, *, progress: Any = None, **arguments: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        try:
            future.set_result(self.answers(call, arguments))
        except errors.CupolaError as error:
            future.set_exception(error)
        return future

    def act(self, name: str, arguments: dict[str, Any], **more: Any) -> "Future[Any]":
        return self.ask("action", name=name, arguments=arguments, **more)

    def silence(self) -> float:
        return self.silent

    def tend(self) -> float:
        return self.silent

    def under_way(self) -> list[str]:
        return []

    def close(self) -> None:
        pass


def main() -> None:
    answers = Answers()
    if len(sys.argv) > 1:
        answers.lists["runs"] = runs(int(sys.argv[1]))
    print(json.dumps({"ready": answers.ready}), flush=True)
    for line in sys.stdin:
        message = json.loads(line)
        number, call = message.pop("id"), message.pop("call")
        try:
            answer = {"id": number, "result": answers(call, message)}
        except errors.CupolaError as error:
            answer = {
                "id": number,
                "error": {
                    "kind": type(error).__name__,
                    "message": error.message,
                    "where": error.where,
                    "hint": error.hint,
                },
            }
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
