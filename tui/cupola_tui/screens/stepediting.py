"""Adding and changing a step of a pipeline: a form of what its type takes."""

import shlex
from typing import Any

import msgspec

from cupola_tui.live import Bridge
from cupola_tui.plain import clean
from cupola_tui.screens.form import Form
from cupola_tui.widgets.rows import Record

ACTION = "pipeline step"
NAME, AFTER, BRANCHES = "called", "after", ("if_steps", "else_steps")


class StepForm(Form):
    """The fields of a type of step, beside its name and what it comes after. step: as it is, None for a new one.

    opened: how the file was when that was read. again: what was typed into the form before it was opened anew.
    """

    def __init__(
        self,
        bridge: Bridge,
        pipeline: str,
        type: Record,
        step: Record | None,
        after: list[str],
        opened: Record,
        again: dict[str, str],
    ) -> None:
        own = [_field(NAME, "what the step is called", required=True), _field(AFTER, "the steps that come before it")]
        if type["name"] == "Condition":
            own += [
                _field(one, f"run where it {'holds' if one == 'if_steps' else 'does not hold'}") for one in BRANCHES
            ]
        self.pipeline, self.type = pipeline, str(type["name"])
        self.before = {name: typed(value) for name, value in ((step or {}).get("arguments") or {}).items()}
        written = step or {}
        self.lists = {AFTER: written.get("depends_on") or []} | {one: written.get(one) or [] for one in BRANCHES}
        shown = self.lists if step else self.lists | {AFTER: after}
        values = self.before | {name: shlex.join(value) for name, value in shown.items()}
        values[NAME] = str((step or {}).get("name") or "")
        form = {"name": ACTION, "summary": clean(type["summary"]), "fields": [*own, *type["fields"]]}
        super().__init__(bridge, form, values | again, states=[opened])
        self.heading = f"{self.type}: {'a new step' if step is None else 'the step ' + clean(step['name'])}"
        for one in self.fields:
            if one.field["name"] == NAME and step is not None:
                one.disabled = True

    def values(self) -> dict[str, str]:
        """The arguments of `pipeline step`: what was changed, and what was emptied."""
        shown = {one.field["name"]: one.value.strip() for one in self.fields}
        found = {"pipeline": self.pipeline, "step": shown.pop(NAME), "type": self.type}
        for name in (AFTER, *BRANCHES):
            value = shown.pop(name, "")
            if value != shlex.join(self.lists[name]):
                found[name] = value or "''"
        changed = {name: value for name, value in shown.items() if value and value != self.before.get(name)}
        emptied = [name for name in self.before if not shown.get(name)]
        if changed:
            found["argument"] = shlex.join(f"{name}={value}" for name, value in changed.items())
        if emptied:
            found["unset"] = shlex.join(emptied)
        return found


def typed(value: Any) -> str:
    """An argument as one types it: several words, KEY=VALUE, or JSON where that will not do."""
    plain = str | int | float
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, plain):
        return str(value)
    if isinstance(value, list) and value and all(isinstance(one, plain) for one in value):
        return shlex.join(map(str, value))
    if isinstance(value, dict) and value and all(isinstance(one, plain) for one in value.values()):
        return shlex.join(f"{name}={one}" for name, one in value.items())
    return msgspec.json.encode(value).decode()


def _field(name: str, help: str, required: bool = False) -> Record:
    return {
        "name": name, "option": f"--{name}", "kind": "text", "help": help, "required": required, "default": None,
        "positional": False, "repeated": name != NAME, "choices": [], "completes": "",
    }  # fmt: skip
