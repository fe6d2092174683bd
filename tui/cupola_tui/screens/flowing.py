"""What stands between a key of the flow editor and what it does: choices, questions, forms of whole flows."""

import shlex
from typing import TYPE_CHECKING, Any

from cupola.errors import CupolaError
from cupola_tui import drafts, figures
from cupola_tui.drafts import Change, Draft
from cupola_tui.plain import clean
from cupola_tui.screens import doing, flowlist, panes
from cupola_tui.screens.choice import Choice, Palette
from cupola_tui.screens.doing import Chosen
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.steplist import Node

if TYPE_CHECKING:
    from cupola_tui.studio import Studio

NEW = "a new flow"


def sentence(error: CupolaError) -> str:
    """What is wrong, and what to do."""
    return clean(error.message) + (f" ({clean(error.hint)})" if error.hint else "")


def nodes(draft: Draft) -> list[Node]:
    """The sources and steps of a flow as they are listed; the step that is wrong among them."""
    where = (draft.error.where or "") if draft.error else ""
    wrong = where.partition("step ")[2].split(" ")[0]
    found = []
    for id, lane, inputs in drafts.lanes(draft.sources, draft.steps):
        if id in draft.sources:
            found.append(Node(id, True, "", draft.sources[id], lane))
        else:
            step = draft.step(id) or {}
            beside = step["type"] if step["type"] != id else ""
            beside += f" ← {', '.join(inputs)}" if inputs else ""
            found.append(Node(id, False, beside.strip(), drafts.words(step), lane, id == wrong))
    return found


async def prepare(app: "Studio", record: Record | None, step: str = "") -> str | None:
    """Which flow of a dataset is to be edited; one that is made for it where it has none, or another is wanted.

    step: what the form of `flow new` or `flow edit` then says to add, as one would type it.
    """
    if record is None:
        app.say("prepare: there is no dataset yet; i imports one", "warning")
        return None
    dataset = str(record.get("dataset") or record.get("name"))
    flows = flowlist.of_dataset(await app.ask("records", kind="flows"), dataset)
    picked: str | None = "new"
    if flows:
        rows = [Choice(f"at {one['name']}", clean(one["name"]), kind=steps_of(one)) for one in flows]
        rows.append(Choice("new", f"{NEW} of {clean(dataset)}"))
        picked = await app.push_screen_wait(Palette(rows, f"Flows of {clean(dataset)}", "a few letters of a flow"))
    if picked != "new":
        name = picked.removeprefix("at ") if picked else None
        if name and step and not await _form(app, "flow edit", {"flow": name, "add": shlex.quote(step)}):
            return None
        return name
    taken = {str(one["name"]) for one in await app.ask("records", kind="flows")}
    names = (f"{dataset}-prepared{f'-{number}' if number > 1 else ''}" for number in range(1, len(taken) + 2))
    begin = {"name": next(one for one in names if one not in taken), "source": dataset}
    begin |= {"add": shlex.quote(step)} if step else {}
    made = await _form(app, "flow new", begin)
    return str(made["name"]) if made else None


def steps_of(flow: Record) -> str:
    count = len(flow["steps"])
    return "✗ broken" if flow.get("wrong") else f"{count} step{'s' * (count != 1)}"


async def _form(app: "Studio", name: str, begin: dict[str, str]) -> Any:
    main = app.main
    return await doing.fill_in(app, main.actions, name, Chosen(panes.pane("datasets"), [], main.readonly), begin)


async def choose_transform(app: "Studio", transforms: dict[str, Record]) -> str | None:
    """One of the transforms, by a few letters of its name, its group or what it does."""
    rows = [Choice(name, f"{name}  {clean(one['summary'])}", kind=one["group"]) for name, one in transforms.items()]
    picked: str | None = await app.push_screen_wait(
        Palette(rows, "Add a step", "a few letters: missing, encode, join, sql ...")
    )
    return picked


async def choose_input(app: "Studio", draft: Draft, here: str, what: str) -> tuple[str, str] | None:
    """What else a step takes: the id of a step or source, and what `flow edit --source` says where it is a new one."""
    ids = [*draft.sources, *(one["id"] for one in draft.steps)]
    rows = [Choice(f"at {id}", clean(id), kind="source" if id in draft.sources else "step") for id in ids if id != here]
    named = {str(ref).partition("@")[0] for ref in draft.sources.values()}
    others = [one for one in app.lists.get("datasets") if one.get("name") not in named]
    rows += [Choice(f"new {one['name']}", clean(one["name"]), kind="dataset") for one in others]
    empty = "there is nothing else to take: import another dataset first"
    picked = await app.push_screen_wait(
        Palette(rows, f"{what} {clean(here)} with", "a step, a source, a dataset", empty)
    )
    if picked is None:
        return None
    kind, _, name = picked.partition(" ")
    if kind == "at":
        return name, ""
    id = "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in name)
    return id, f"{id}={name}"


async def choose_inputs(app: "Studio", draft: Draft, node: Node) -> Change | None:
    """Another input for a step (its first), or another version for a source."""
    if node.is_source:
        name = str(draft.sources[node.id]).partition("@")[0]
        found = [str(one) for one in await app.ask("complete", kind="dataset", prefix=f"{name}@", arguments={})]
        rows = [Choice(name, f"{name}, always the newest"), *(Choice(one, one) for one in found)]
        picked = await app.push_screen_wait(Palette(rows, f"{clean(node.id)} is", "a version"))
        return {"source": [f"{node.id}={picked}"]} if picked else None
    step = draft.step(node.id) or {}
    ids = [*draft.sources, *(one["id"] for one in draft.steps)]
    taken = (step.get("inputs") or [])[:1]
    rows = [
        Choice(id, f"{'✓ ' if id in taken else '  '}{clean(id)}", kind="source" if id in draft.sources else "step")
        for id in ids
        if id != node.id
    ]
    picked = await app.push_screen_wait(Palette(rows, f"{clean(node.id)} takes", "a step or a source"))
    if not picked:
        return None
    others = (step.get("inputs") or [])[1:]
    return {"set": [f"{node.id} inputs={','.join([picked, *others])}"]}


def places(draft: Draft, here: str, branch: bool) -> dict[str, str]:
    """Where a step that is added stands: after the one under the cursor, or as a branch of it."""
    ids = [one["id"] for one in draft.steps]
    if branch:
        return {"inputs": here}
    if here in ids:
        return {} if here == ids[-1] else {"after": here}
    first = here == next(iter(draft.sources), here)
    return ({"before": ids[0]} if ids else {}) if first else {"inputs": here}


def defaults(transform: Record) -> dict[str, str]:
    """What the form of a transform begins with."""
    return {one["name"]: drafts.typed(one.get("default")) for one in transform["fields"] if not one["required"]}


async def may_run_python(app: "Studio") -> bool:
    from cupola_tui.screens.question import Question

    said = "The steps of Python in this flow run in a process of their own each time you look, as you. Read them first."
    agreed: bool = await app.push_screen_wait(Question("Run its Python in previews?", [said]))
    return agreed


async def run(app: "Studio", name: str) -> Record | None:
    """Asks for the dataset, and files the job."""
    made: Record | None = await _form(app, "flow run", {"flow": name})
    if made:
        app.lists.refresh("jobs")
        app.say(f"{clean(name)} runs as job {made['job']}")
    return made


def progress(jobs: list[Record], job: str) -> str:
    """How far the job is, in a line."""
    found = next((one for one in jobs if one.get("id") == job), None)
    if found is None:
        return f"job {job}: filed"
    status, share = str(found.get("status")), found.get("progress")
    if status == "Completed":
        return "✓ it has run: o shows what it made"
    if status in ("Failed", "Stopped"):
        why = (found.get("error") or {}).get("message") or found.get("reason") or ""
        return f"✗ job {job}: {clean(status)}: {clean(why)} (its log is in pane 3)"
    bar = f" {figures.sparkline([share], 1.0)} {share:.0%}" if isinstance(share, int | float) else ""
    return f"job {job}: {clean(status)}{bar} {clean(found.get('message') or '')}".rstrip()


async def show_result(app: "Studio", job: str) -> None:
    """The version that a run has made, in a grid."""
    if not job:
        app.say("result: r runs the flow first", "warning")
        return
    found = await app.ask("record", kind="jobs", ref=job)
    ref = str((found.get("output") or {}).get("ref") or "")
    if not ref:
        app.say(f"result: the job is {clean(found.get('status'))}", "warning")
        return
    doing.grid(app, await app.ask("record", kind="datasets", ref=ref))


async def export(app: "Studio", name: str) -> None:
    made = await _form(app, "flow export", {"flow": name, "python": f"{name}.py"})
    if made:
        app.say(f"written to {clean(made['path'])}")
