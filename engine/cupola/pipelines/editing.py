"""Changing the file of a pipeline step by step, as forms and commands do it; its comments and its order stay."""

from collections.abc import Callable
from typing import Any

from cupola import arguments as words
from cupola.actions import Parameter
from cupola.errors import BadInput, BadOption, NotFound, NotReady
from cupola.pipelines import definition, references, types
from cupola.pipelines.records import DIRECTORY, Pipeline
from cupola.store import Store, basis, claims, feed, files, undoing
from cupola.store.names import check_name
from cupola.store.records import HISTORY, content_name

NAMED = ("depends_on", "if_steps", "else_steps")


def put_step(
    store: Store,
    name: str,
    step: str,
    *,
    type: str | None = None,
    after: list[str] | None = None,
    if_steps: list[str] | None = None,
    else_steps: list[str] | None = None,
    arguments: dict[str, Any] | None = None,
    unset: list[str] | None = None,
) -> Pipeline:
    """Adds a step to a pipeline, which is made where there is none, or changes one; what is None stays.

    Texts among the arguments become what the type takes. Raises BadInput, BadOption for what would be wrong with it.
    """

    def change(document: Any) -> None:
        import tomlkit

        steps = document.setdefault("steps", tomlkit.table(is_super_table=True))
        fresh = step not in steps
        if fresh and type is None:
            raise BadOption(f"the step {step} is new, and needs a type", hint=f"one of {', '.join(types.catalogue())}")
        table = steps.setdefault(step, tomlkit.table())
        if type is not None and table.get("type") != type:
            types.find(type)
            for old in [one for one in table if one not in definition.STEP_KEYS]:
                del table[old]
            table["type"] = type
        for key in unset or []:
            table.pop(key, None)
        for key, value in converted(str(table["type"]), arguments or {}).items():
            table[key] = _inline(value)
        for key, value in zip(NAMED, (after, if_steps, else_steps), strict=True):
            if value:
                table[key] = value
            elif value is not None:
                table.pop(key, None)

    return _edit(store, name, change)


def remove_step(store: Store, name: str, step: str) -> Pipeline:
    """Takes a step out, and out of what others say comes before or after them. Raises NotFound, BadInput."""

    def change(document: Any) -> None:
        steps = document.get("steps", {})
        if step not in steps:
            raise NotFound(f"the pipeline {name} has no step {step!r}", hint=f"it has: {', '.join(steps)}")
        del steps[step]
        for table in steps.values():
            for key in NAMED:
                left = [one for one in table.get(key, []) if one != step]
                if left != list(table.get(key, [])):
                    if left:
                        table[key] = left
                    else:
                        del table[key]

    return _edit(store, name, change)


def converted(type: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """Arguments as a step of that type takes them, of texts as they are typed. Raises BadOption, BadInput."""
    known = {one.name: one for one in types.find(type).fields}
    for name in arguments:
        if name not in known:
            raise BadOption(f"a {type} step takes no {name!r}", hint=f"it takes {', '.join(known)}")
    return {name: _value(known[name], value) for name, value in arguments.items()}


def _value(parameter: Parameter, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value[:1] in ("[", "{") or (value[:1] == '"' and value[-1:] == '"'):
        return definition.parsed(parameter.name, value)
    if words.kind(parameter) == "pairs":
        return dict(pair for one in words.split(value) for pair in words.convert(parameter, one).items())
    if any(references.found(value)):
        return value
    if parameter.repeated:
        return [words.convert(parameter, one) for one in words.split(value)]
    return words.convert(parameter, value)


def _inline(value: Any) -> Any:
    """A value as it stands on one line."""
    import tomlkit

    if isinstance(value, list):
        several = tomlkit.array()
        several.extend(map(_inline, value))
        return several
    if not isinstance(value, dict):
        return value
    found = tomlkit.inline_table()
    found.update({name: _inline(one) for name, one in value.items()})
    return found


def undo(store: Store, name: str) -> Pipeline:
    """Takes the last change of the file back. Raises NotReady where there is none."""
    there, _ = _changes(store, name)
    if len(there) < 2:
        raise NotReady(f"there is no change of {name} to take back")
    return _write(store, name, lambda _: there[-2].decode())


def redo(store: Store, name: str) -> Pipeline:
    """Makes a change again that was taken back. Raises NotReady where there is none."""
    _, there = _changes(store, name)
    if not there:
        raise NotReady(f"there is no change of {name} that was taken back")
    return _write(store, name, lambda _: there[-1].decode())


def _changes(store: Store, name: str) -> tuple[list[bytes], list[bytes]]:
    return undoing.changes(store, definition.path_of(store, name), lambda data: data)


def _edit(store: Store, name: str, change: Callable[[Any], None]) -> Pipeline:
    """Has `change` change the file as a document, in place."""
    import tomlkit

    def changed(text: str) -> str:
        document = tomlkit.parse(text)
        change(document)
        return tomlkit.dumps(document)

    return _write(store, name, changed)


def _write(store: Store, name: str, change: Callable[[str], str]) -> Pipeline:
    """Changes the file under its claim, once what comes of it can be read as a pipeline; keeps the version before."""
    check_name(name, "name of a pipeline")
    try:
        path = definition.path_of(store, name)
    except NotFound:
        path = f"{DIRECTORY}/{name}.toml"
    if path.endswith(".py"):
        raise BadInput("a pipeline in Python is changed with an editor", where=path)
    store.check_writable()
    with claims.held(store, f"edit/{path}"):
        data = files.read_bytes(store, path) if path.rpartition("/")[2] in files.listing(store, DIRECTORY) else b""
        basis.check(path, lambda: basis.of_content(data))
        text = change(data.decode())
        found = definition.parse(text, name, path, "")
        if data:
            _keep(store, path, data)
        files.write_bytes(store, path, text.encode())
        _keep(store, path, text.encode())
    feed.announce(store, "pipeline", name, 0)
    return found


def _keep(store: Store, path: str, data: bytes) -> None:
    """Keeps a version as the next one, unless it is the last: one that was taken back comes again."""
    kept = sorted((one.split("-") for one in files.listing(store, f"{HISTORY}/{path}")), key=lambda one: int(one[0]))
    number, before = (int(kept[-1][0]), kept[-1][1]) if kept else (0, "")
    if content_name(data) != before:
        name = "-".join([str(number + 1), content_name(data), *([before] if before else [])])
        files.write_bytes(store, f"{HISTORY}/{path}/{name}", data)
