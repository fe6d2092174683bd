"""Flows as the double keeps them: the real records and their editing; a preview of what some kinds of steps do."""

import copy
from typing import Any

import msgspec
from tests.tui.grid import ROWS

from cupola import errors
from cupola.flows import editing, records
from cupola.flows.records import Flow, FlowStep
from cupola.flows.transforms import catalogue

COLUMNS = {"carrier": "text", "hour": "integer", "temp": "number", "dest": "text"}
SHOWN = 40


class Flows:
    """Flows by name, each with the states that undoing goes back to."""

    def __init__(self) -> None:
        steps = [
            FlowStep(id="fill", type="fill-missing", params={"columns": ["temp"], "method": "median"}),
            FlowStep(id="warm", type="formula", params={"name": "warm", "expression": "temp > 35"}),
            FlowStep(id="early", type="filter", params={"where": "hour < 12"}, inputs=["fill"]),
        ]
        self.flows = {"tidy": Flow(name="tidy", sources={"flights": "flights"}, steps=steps)}
        self.done: dict[str, list[Flow]] = {}
        self.undone: dict[str, list[Flow]] = {}

    def listed(self) -> list[dict[str, Any]]:
        return [self.state(name) for name in self.flows]

    def state(self, name: str) -> dict[str, Any]:
        flow = self.flows[name]
        found: dict[str, Any] = msgspec.to_builtins(flow)
        return found | {"undo": len(self.done.get(name, [])), "redo": len(self.undone.get(name, [])), "wrong": ""}

    def act(self, name: str, arguments: dict[str, Any]) -> Any:
        """What a `flow` action does and answers; None for those that are not about flows here."""
        if name == "flow transforms":
            return msgspec.to_builtins(catalogue.listed())
        if name == "flow new":
            flow = Flow(name=arguments["name"], sources={arguments["source"]: arguments["source"]})
            self.flows[flow.name] = flow
            return self.state(flow.name)
        flow = self.flows[arguments["flow"]]
        if name == "flow edit":
            changed = self.changed(flow, {key: texts for key, texts in arguments.items() if key != "flow"})
            self.done.setdefault(flow.name, []).append(flow)
            self.flows[flow.name] = changed
        elif name in ("flow undo", "flow redo"):
            back, forth = (self.done, self.undone) if name == "flow undo" else (self.undone, self.done)
            if not back.get(flow.name):
                raise errors.NotReady(f"there is no change of {flow.name} to take back")
            forth.setdefault(flow.name, []).append(flow)
            self.flows[flow.name] = back[flow.name].pop()
        elif name == "flow run":
            return {"job": "j000000001", "flow": flow.name, "dataset": arguments.get("dataset") or flow.name}
        return self.state(flow.name)

    def changed(self, flow: Flow, change: dict[str, list[str]]) -> Flow:
        found, verbs = copy.deepcopy(flow), {"add": editing.add, "set": editing.set_, "remove": editing.remove}
        for verb, texts in change.items():
            for text in texts:
                {**verbs, "move": editing.move, "source": editing.source}[verb](found, text)  # type: ignore[operator]
        return found

    def preview(self, flow: str, step: str | None, change: dict[str, list[str]] | None) -> dict[str, Any]:
        before = self.flows[flow]
        found = self.changed(before, change or {})
        if step is None and change and set(change) & {"add", "set"}:
            old = {one.id: one for one in before.steps}
            step = next(one.id for one in found.steps if old.get(one.id) != one)
        return _previewed(found, step)


def _previewed(flow: Flow, step: str | None) -> dict[str, Any]:
    ordered = records.ordered(flow, step)
    if not ordered:
        raise errors.BadOption(f"the flow {flow.name} has no steps yet")
    made: dict[str, list[dict[str, Any]]] = {
        id: [{name: row[name] for name in COLUMNS} | {"__at__": place} for place, row in enumerate(ROWS[:SHOWN])]
        for id in flow.sources
    }
    for one in ordered:
        try:
            made[one.id] = _done(one, [copy.deepcopy(made[id]) for id in one.inputs])
        except errors.CupolaError as error:
            error.where = f"flow {flow.name}, step {one.id}"
            raise
    return _compared(flow.name, ordered[-1], made[ordered[-1].inputs[0]], made[ordered[-1].id])


def _done(step: FlowStep, inputs: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    params, rows = catalogue.params_of(step), inputs[0]
    for column in catalogue.columns_named(catalogue.find(step.type), params):
        if column not in rows[0]:
            raise errors.BadInput(f"there is no column {column!r} here", hint=f"there are {', '.join(rows[0])}")
    if step.type == "fill-missing":
        for row in rows:
            row |= {name: 35.5 if row[name] is None else row[name] for name in params.columns}
    elif step.type == "formula":
        column = params.expression.split()[0]
        if column not in rows[0]:
            raise errors.BadInput(f"there is no column {column!r} here")
        for row in rows:
            row[params.name] = (row[column] or 0) > 35 if ">" in params.expression else row[column]
    elif step.type == "filter":
        rows = [row for row in rows if row["hour"] < 12]
    elif step.type == "drop-columns":
        rows = [{name: value for name, value in row.items() if name not in params.columns} for row in rows]
    elif step.type == "join":
        rows = [row | {"joined": other["dest"]} for row, other in zip(rows, inputs[1], strict=False)]
    return rows


def _compared(name: str, step: FlowStep, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, Any]:
    old, new = ([one for one in rows[0] if one != "__at__"] for rows in (before, after))
    at = [row["__at__"] for row in before]
    came_from = [at.index(row["__at__"]) for row in after]
    changed = [
        [one not in old or row[one] != before[place][one] for one in new]
        for row, place in zip(after, came_from, strict=True)
    ]
    kept = {row["__at__"] for row in after}
    types = {**COLUMNS, "warm": "boolean"}
    cells = {one: sum(row[at] for row in changed) for at, one in enumerate(new) if one in old}
    return {
        "flow": name, "step": step.id, "type": step.type, "sample": len(before), "left": len(after),
        "columns_before": old, "types_before": [types.get(one, "text") for one in old],
        "before": [[row[one] for one in old] for row in before], "removed": [one not in kept for one in at],
        "columns": new, "types": [types.get(one, "text") for one in new],
        "after": [[row[one] for one in new] for row in after], "changed": changed, "came_from": came_from,
        "added": [one for one in new if one not in old], "dropped": [one for one in old if one not in new],
        "cells": {one: count for one, count in cells.items() if count},
        "notes": ["learned from 40 rows"] if step.type == "fill-missing" else [], "milliseconds": 12.0,
    }  # fmt: skip
