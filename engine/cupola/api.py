"""The Python API: the commands as methods.

One rule: `cupola dataset import f.csv --name flights` is `ws.dataset.import_("f.csv", name="flights")`. The words of a
command become attributes, its arguments come by place and its options by name; `-` becomes `_`, and a word that Python
keeps for itself gets a `_` behind it. Lists are lists, `KEY=VALUE` options are dicts. Where a record is asked for, its
name does (`"churn@3"`), and so does the record itself.

What comes back is the record that the command prints under --json. Verbs that start work come back at once, as a
`Started`: the record as it was, with `wait()` and `refresh()`. Errors are those of `cupola.errors`.
"""

import inspect
import keyword
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from cupola import actions, waiting, workspace
from cupola.actions import DOMAINS, Action
from cupola.errors import meant
from cupola.references import reference


def open(path: str | Path = ".", *, readonly: bool = False) -> "Workspace":
    """The workspace in the directory `path`. Raises NotFound where there is none."""
    return Workspace(workspace.Workspace.open(path, readonly=readonly))


def init(path: str | Path = ".", name: str | None = None) -> "Workspace":
    """Makes the directory `path` a workspace."""
    return Workspace(workspace.Workspace.init(path, name=name))


class Verb:
    """One action, bound to a workspace: call it with its arguments."""

    def __init__(self, opened: workspace.Workspace, action: Action) -> None:
        self._workspace = opened
        self._action = action
        self.__name__ = action.name
        self.__doc__ = inspect.getdoc(action.function)
        signature = inspect.signature(action.function)
        self.__signature__ = signature.replace(parameters=list(signature.parameters.values())[1:])

    def __call__(self, *given: Any, **options: Any) -> Any:
        named = self._named(given, options)
        result = actions.run(self._workspace, self._action.name, **{name: _plain(one) for name, one in named.items()})
        if self._action.waits in (None, "itself"):
            return result
        return Started(self._workspace, self._action, result)

    def __getattr__(self, word: str) -> "Verb":
        """A longer verb that begins with this one: `ws.comment(...)` and `ws.comment.ls(...)`."""
        if word.startswith("__"):
            raise AttributeError(word)
        longer: Verb = getattr(Domain(self._workspace, self._action.name), word)
        return longer

    def _named(self, given: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        """All arguments by name; a last positional parameter that is a list takes what is left, and a text for a list
        is a list of one."""
        named = dict(options)
        places = [one for one in self._action.parameters if one.positional]
        for place, value in zip(places, given, strict=False):
            named[place.name] = value
        if len(given) > len(places):
            if not (places and places[-1].repeated):
                taken = f"{len(places)} argument{'' if len(places) == 1 else 's'} by place"
                raise TypeError(f"{self._action.name} takes {taken}, {len(given)} were given")
            named[places[-1].name] = list(given[len(places) - 1 :])
        for one in self._action.parameters:
            if one.repeated and not one.arg.pairs and isinstance(named.get(one.name), str):
                named[one.name] = [named[one.name]]
        return named

    def __repr__(self) -> str:
        return f"<cupola {self._action.name}{self.__signature__}>"


class Domain:
    """The verbs of one kind of record: `ws.dataset`, `ws.model`, ..."""

    def __init__(self, opened: workspace.Workspace, name: str) -> None:
        self._workspace = opened
        self._name = name

    def __getattr__(self, word: str) -> Verb:
        name = f"{self._name} {word.rstrip('_').replace('_', '-')}"
        for one in actions.domain(self._name):
            if one.name == name:
                return Verb(self._workspace, one)
        hint = meant(word, self.__dir__())
        raise AttributeError(f"there is no `cupola {name}`" + (f"; {hint}" if hint else ""))

    def __dir__(self) -> list[str]:
        return [_attribute(one.name.split(" ", 1)[1]) for one in actions.domain(self._name) if " " in one.name]

    def __repr__(self) -> str:
        return f"<cupola {self._name}: {', '.join(self.__dir__())}>"


class Workspace:
    """An open workspace. `ws.dataset`, `ws.run`, `ws.job`, `ws.model`, `ws.endpoint`, `ws.agent` hold the verbs on each
    kind of record; verbs of one word (`ws.train`) are methods."""

    def __init__(self, opened: workspace.Workspace) -> None:
        self._workspace = opened

    @property
    def root(self) -> Path:
        return self._workspace.root

    @property
    def name(self) -> str:
        return self._workspace.settings.name

    @property
    def readonly(self) -> bool:
        return self._workspace.readonly

    def __getattr__(self, word: str) -> Any:
        name = word.rstrip("_").replace("_", "-")
        if name not in DOMAINS:
            hint = meant(word, self.__dir__())
            raise AttributeError(f"a workspace has no {word!r}" + (f"; {hint}" if hint else ""))
        for one in actions.domain(name):
            if one.name == name:
                return Verb(self._workspace, one)
        return Domain(self._workspace, name)

    def __dir__(self) -> list[str]:
        return ["root", "name", "readonly", *(_attribute(one) for one in DOMAINS)]

    def __repr__(self) -> str:
        return f"cupola.open({str(self.root)!r})"


class Started:
    """Work that was started. Its attributes are those of the record, as of the last `refresh()` or `wait()`."""

    def __init__(self, opened: workspace.Workspace, action: Action, record: Any) -> None:
        self._workspace = opened
        self._action = action
        self.record = record

    def wait(self, timeout: float | None = None, progress: Callable[[Any], None] | None = None) -> "Started":
        """Waits until the work has ended, and is then up to date.

        Raises WorkFailed when it failed or was stopped, TimeoutError after `timeout` seconds (the work goes on).
        """
        self.record = waiting.wait(self._workspace, self._action, self.record, timeout=timeout, progress=progress)
        return self

    def refresh(self) -> "Started":
        """Reads the record again."""
        self.record = waiting.refresh(self._workspace, self._action, self.record)
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)

    def __dir__(self) -> list[str]:
        return ["wait", "refresh", "record", *self.record.__struct_fields__]

    def __repr__(self) -> str:
        return repr(self.record)


def _plain(value: Any) -> Any:
    """What an action takes: records become their names, paths texts."""
    if isinstance(value, Started):
        value = value.record
    if isinstance(value, msgspec.Struct):
        return reference(value)
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def _attribute(word: str) -> str:
    name = word.replace("-", "_")
    return name + "_" if keyword.iskeyword(name) else name
