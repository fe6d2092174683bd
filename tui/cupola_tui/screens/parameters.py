"""Running a pipeline, or having it run by itself: a form with a field for each of the pipeline's own parameters."""

import json
import shlex

from cupola_tui.live import Bridge
from cupola_tui.plain import clean
from cupola_tui.screens.form import Form
from cupola_tui.widgets.rows import Record

ACTIONS = ("pipeline run", "pipeline schedule")
PARAM = "param"
KINDS = {"Integer": "integer", "Float": "number", "Boolean": "choice"}


class ParameterForm(Form):
    """A field for each parameter, after the pipeline's name. One that is left empty is what the pipeline says."""

    def __init__(
        self, bridge: Bridge, form: Record, values: dict[str, str], parameters: list[Record], states: list[Record]
    ) -> None:
        first, *rest = form["fields"]
        fields = [first, *map(_field, parameters), *(one for one in rest if one["name"] != PARAM)]
        super().__init__(bridge, form | {"fields": fields}, values, states=states)

    def values(self) -> dict[str, str]:
        found = super().values()
        given = {name: found.pop(name) for name in [*found] if name.startswith(f"{PARAM}.")}
        said = shlex.join(f"{name.partition('.')[2]}={value}" for name, value in given.items())
        return found | ({PARAM: said} if said else {})


def _field(one: Record) -> Record:
    """A parameter as a field."""
    name, type, default = clean(one["name"]), str(one.get("type")), one.get("default")
    choices = ["true", "false"] if type == "Boolean" else [str(each) for each in one.get("choices") or []]
    shown = json.dumps(default) if type in ("Boolean", "List") else clean(str(default))
    about = clean(one.get("description") or "") or type
    return {
        "name": f"{PARAM}.{name}", "label": name, "option": "", "kind": KINDS.get(type, "text"),
        "help": about + (f", one of {', '.join(choices)}" if choices else ""), "required": default is None,
        "default": None if default is None else shown, "positional": False, "repeated": False, "choices": choices,
        "completes": "",
    }  # fmt: skip
