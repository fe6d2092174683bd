"""The actions of the library as the screen knows them: their forms, doing them, taking a deletion back."""

import asyncio
import contextlib
import shlex
from dataclasses import dataclass
from typing import Any

from cupola.errors import CupolaError, NotFound
from cupola_tui import keymap, verbs
from cupola_tui.live import Bridge
from cupola_tui.screens.pane import Pane
from cupola_tui.widgets.rows import Record

UNSEEN = (  # of which no list shows all that they have to say
    "merge", "import mlruns", "import mlflow-db", "import wandb", "import tensorboard", "import optuna",
)  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """A form that is about to open: what it begins with, the other records that it is for, and of each of them all how
    it is now, to be handed in with the change (so that nobody's change is overwritten unseen)."""

    form: Record
    values: dict[str, str]
    others: list[str]
    states: list[Record]


class Actions:
    """What can be done with a workspace, through the bridge; a model apart from any widget."""

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.by_name: dict[str, Record] = {}
        self.forms: dict[str, Record] = {}
        self._trashed: list[tuple[str, str, str]] = []

    async def _ask(self, call: str, **more: Any) -> Any:
        return await asyncio.wrap_future(self.bridge.ask(call, **more))

    async def known(self) -> dict[str, Record]:
        """Every action there is, by name; asked once, and anew whenever `learn` is called."""
        return self.by_name or await self._catalogue()

    async def _catalogue(self) -> dict[str, Record]:
        self.by_name = {form["name"]: form for form in await self._ask("actions")}
        return self.by_name

    async def described(self, name: str) -> Record:
        """The form of an action, asked for once."""
        if name not in self.forms:
            self.forms[name] = await self._ask("describe", name=name)
        return self.forms[name]

    async def learn(self) -> None:
        """Asks what may be done now, and ahead for the forms that keys open, so that they open at once."""
        with contextlib.suppress(CupolaError):
            actions = await self._catalogue()
            for name in dict.fromkeys(key.verb for key in keymap.TABLE if key.verb in actions):
                await self.described(name)

    async def unfilled(self, text: str) -> bool:
        """Whether that is an action's name alone, where something has to be given: then its form asks for it."""
        return text in self.by_name and any(one["required"] for one in (await self.described(text))["fields"])

    async def why_not(self, name: str, records: list[Record], readonly: bool) -> str:
        """Why that cannot be done with these records; "" when it can."""
        form = (await self.known()).get(name)
        if form is None:
            return "there is no such action here"
        return verbs.why_not(name, records, readonly, form)

    async def values(self, name: str, pane: Pane, records: list[Record]) -> dict[str, str]:
        """What the form of an action begins with; the space that is narrowed is what the tuning's best trials have
        drawn."""
        form = await self.described(name)
        values = verbs.prefill(form, pane, records[0] if records else None)
        if verbs.takes_several(form, pane):
            values |= {form["fields"][0]["name"]: verbs.refs(form, pane, records)[0]} if records else {}
        if (second := verbs.holds_two(form, pane)) and len(records) > 1:
            values[second] = pane.ref(records[1])
        if name == "tuning narrow" and records:
            asked = {"tuning": pane.ref(records[0]), "dry_run": True}
            planned = await self._ask("action", name=name, arguments=asked)
            values |= {"space": shlex.join(planned["space"])}
        return values

    async def opened(self, name: str, pane: Pane, records: list[Record]) -> Opened:
        """What the form of an action opens with, for these records: read anew where they are what it changes."""
        form = await self.described(name)
        first = next((one["name"] for one in form.get("fields") or []), "")
        refs = verbs.refs(form, pane, records)
        values = await self.values(name, pane, records)
        if not (refs and form.get("writes") and values.get(first) == refs[0] and name not in verbs.CHANGES_NOTHING):
            return Opened(form, values, refs[1:], [])
        asked = (verbs.named(pane, one) for one in records[: len(refs)])
        found = await asyncio.gather(*(self._ask("opened", kind=kind, ref=ref) for kind, ref in asked))
        if found[0]["record"] is not None and pane.leads is None:
            values = await self.values(name, pane, [found[0]["record"]])
        return Opened(form, values, refs[1:], [one["opened"] for one in found])

    async def each(self, name: str, pane: Pane, records: list[Record]) -> bool:
        """Does it with one record after the other; whether `undo` could take it back."""
        first = (await self.described(name))["fields"][0]
        trashed = False
        for record in records:
            job = first.get("completes") == "job" and pane.about != "job"
            ref = str(record.get("job")) if job else pane.ref(record)
            result = await asyncio.wrap_future(self.bridge.act(name, {first["name"]: ref}))
            if isinstance(result, dict) and result.get("trash"):
                self._trashed.append((name.rpartition(" ")[0], str(result["trash"]), pane.label(record)))
                trashed = True
        return trashed

    async def undo(self) -> str:
        """Brings back what was thrown away last; what it was. Raises NotFound where there is nothing to bring back."""
        if not self._trashed:
            raise NotFound("there is nothing to undo")
        about, token, label = self._trashed[-1]
        name = f"{about} restore"
        if name not in await self.known():
            raise NotFound(f"it lies in .cupola/trash/{token}: move it back by hand")
        first = (await self.described(name))["fields"][0]["name"]
        await asyncio.wrap_future(self.bridge.act(name, {first: token}))
        self._trashed.pop()
        return label

    def changes(self, text: str) -> bool:
        """Whether a command line is that of an action that writes, and what it has made is seen in the lists."""
        name = max((one for one in self.by_name if f"{text} ".startswith(f"{one} ")), key=len, default="")
        return name not in ("", *UNSEEN) and bool(self.by_name[name].get("writes", True))
