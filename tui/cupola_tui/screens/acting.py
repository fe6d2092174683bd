"""What the keys of the main screen do with records: verbs, menus, copying, the trash."""

import asyncio
import os
import shlex
from typing import Any

from textual import work

from cupola import place
from cupola.errors import CupolaError
from cupola_tui import keymap, verbs
from cupola_tui.plain import clean
from cupola_tui.screens.going import Going
from cupola_tui.screens.pane import Pane
from cupola_tui.widgets.rows import Record
from cupola_tui.widgets.table import RecordTable

CHANGES = {keymap.DATASETS: "dataset set", keymap.ENDPOINTS: "endpoint update"}


class Acting(Going):
    """The part of the main screen that acts on records."""

    root: str
    actions: dict[str, Record]
    forms: dict[str, Record]
    trashed: list[tuple[str, str, str]]

    @property
    def readonly(self) -> bool:
        raise NotImplementedError

    # Verbs.

    @work(group="verb", exit_on_error=False)
    async def action_verb(self, name: str) -> None:
        """Opens the form of that action for the records chosen, or says why not."""
        pane, records = self.pane, self.table.chosen()
        try:
            actions = await self.known_actions()
            if not self._may(name, records, actions):
                return
            form = await self._form(name)
        except CupolaError as error:
            self.app.complain(error)
            return
        if form is None:
            return
        about = form.get("about") == pane.about
        values = verbs.prefill(form, pane, records[0] if records else None)
        if name == "endpoint invoke" and records:
            values |= await self._sample(pane.ref(records[0]))
        others = [pane.ref(one) for one in records[1:]] if about else []
        from cupola_tui.screens.form import Form

        result = await self.app.push_screen_wait(Form(self.app.bridge, form, values, others))
        if result is not None:
            self._did(name, result)

    async def _form(self, name: str) -> Record | None:
        """The form of an action; where it is not known yet its frame is shown at once. None when esc was pressed."""
        if name in self.forms:
            return self.forms[name]
        from cupola_tui.screens.dialog import Opening

        opening = Opening(name)
        self.app.push_screen(opening)
        try:
            form = await self.described(name)
        finally:
            here = self.app.screen is opening
            if here:
                opening.dismiss()
        return form if here else None

    async def _sample(self, endpoint: str) -> dict[str, str]:
        """A real row to begin with, where the model has kept one."""
        try:
            row = await self.app.ask("sample", endpoint=endpoint)
        except CupolaError:
            return {}
        return {"data": row} if row else {}

    async def described(self, name: str) -> Record:
        """The form of an action, asked for once."""
        if name not in self.forms:
            self.forms[name] = await self.app.ask("describe", name=name)
        return self.forms[name]

    @work(group="learn", exclusive=True, exit_on_error=False)
    async def learn(self) -> None:
        """Asks ahead for the forms that keys open, so that they open at once."""
        try:
            actions = await self.known_actions()
            for name in dict.fromkeys(key.action[6:-2] for key in keymap.TABLE if key.action.startswith("verb(")):
                if name in actions:
                    await self.described(name)
        except CupolaError:
            return

    async def known_actions(self) -> dict[str, Record]:
        """Every action there is, by name; asked once."""
        if not self.actions:
            self.actions = {form["name"]: form for form in await self.app.ask("actions")}
        return self.actions

    def _may(self, name: str, records: list[Record], actions: dict[str, Record]) -> bool:
        if name not in actions:
            self.app.say(f"{name}: there is no such action here", "warning")
            return False
        reason = verbs.why_not(name, records, self.readonly, bool(actions[name].get("writes", True)))
        if reason:
            self.app.say(f"{name}: {reason}", "warning")
        return not reason

    def _did(self, name: str, result: Any) -> None:
        """Says what came of an action, and goes to what it made."""
        if not isinstance(result, dict):
            self.app.complain_not(name, result)
            return
        made = {
            "train": (keymap.EXPERIMENTS, result.get("run") or result.get("id")),
            "dataset import": (keymap.DATASETS, None),
            "model register": (keymap.REGISTRY, None),
            "endpoint deploy": (keymap.ENDPOINTS, result.get("endpoint") or result.get("name")),
            "job submit": (keymap.JOBS, result.get("job") or result.get("id")),
        }.get(name)
        if made:
            self.go_to(*made)
        words, version = result.get("status") or "", result.get("version")
        named = ("endpoint", "name", "run", "dataset", "job", "id")
        what = next((str(result[key]) for key in named if isinstance(result.get(key), str)), "")
        what += f"@{version}" if version and "@" not in what else ""
        if name == "endpoint invoke" or not (words or what):
            self.app.complain_not(name, result)
        else:
            self.app.say(f"{name}: {what} {words}".strip())
        for kind in ("runs", "jobs", "models", "endpoints", "datasets"):
            self.lists.refresh(kind)

    # The menu.

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_menu(self, x: int = -1, y: int = -1) -> None:
        """All verbs of the record; what cannot act now is dimmed and says why."""
        from cupola_tui.screens.choice import Choice, Menu

        records = self.table.chosen()
        try:
            actions = await self.known_actions()
        except CupolaError as error:
            self.app.complain(error)
            return
        keys = {key.action: key.label for key in keymap.TABLE if keymap.applies(key, self.pane.name)}
        rows = [
            Choice(
                name,
                _words(name, self.pane),
                keys.get(f"verb({name!r})", ""),
                verbs.why_not(name, records, self.readonly, bool(actions[name].get("writes", True))),
            )
            for name in verbs.of(self.pane, actions)
            if name.split()[-1] not in ("rm", "stop")
        ]
        none = "" if records else "there is no record under the cursor"
        rows += [
            Choice(f"!{key.action}", key.words, key.label, none)
            for key in keymap.TABLE
            if key.id in ("log", "compare", "stop", "trash", "copy", "editor") and keymap.applies(key, self.pane.name)
        ]
        label = (
            self.pane.label(records[0])
            if len(records) == 1
            else f"{len(records)} {self.pane.noun}s"
            if records
            else self.pane.title
        )
        chosen = await self.app.push_screen_wait(Menu(label, rows, (x, y) if x >= 0 else None))
        if chosen and chosen.startswith("!"):
            await self.run_action(chosen[1:])
        elif chosen:
            self.action_verb(chosen)

    def on_record_table_menu(self, message: RecordTable.Menu) -> None:
        self.action_menu(message.x, message.y)

    # Stopping and throwing away.

    @work(group="verb", exit_on_error=False)
    async def action_stop(self) -> None:
        """Stops what runs, after a y."""
        await self._ask_and_do(
            verbs.STOPPING.get(self.pane.name, ()),
            "Stop",
            "What they have done so far stays; they do not go on by themselves.",
        )

    @work(group="verb", exit_on_error=False)
    async def action_trash(self) -> None:
        """Moves records to the trash, after a y or their name."""
        await self._ask_and_do(
            (f"{self.pane.about} rm",), "Move to the trash:", "u brings them back, as long as the trash is not emptied."
        )

    async def _ask_and_do(self, names: tuple[str, ...], words: str, loss: str) -> None:
        from cupola_tui.screens.question import Question

        pane, records = self.pane, self.table.chosen()
        try:
            actions = await self.known_actions()
        except CupolaError as error:
            self.app.complain(error)
            return
        name = next((one for one in names if one in actions), names[0] if names else "")
        if not self._may(name, records, actions):
            return
        labels = [clean(pane.label(one)) for one in records]
        typed = labels[0] if len(labels) == 1 and self._guarded(records[0], actions[name]) else ""
        asked = f"{words} {labels[0] if len(labels) == 1 else f'{len(labels)} {pane.noun}s'}?"
        if await self.app.push_screen_wait(
            Question(asked, [*(f"• {label}" for label in labels[:12]), "", loss], typed)
        ):
            await self._do_each(name, actions[name], records)

    def _guarded(self, record: Record, form: Record) -> bool:
        """What is served or registered is worth its whole name."""
        return form.get("confirm") == "name" or self.pane.name in (keymap.REGISTRY, keymap.ENDPOINTS)

    async def _do_each(self, name: str, form: Record, records: list[Record]) -> None:
        pane = self.pane
        try:
            first = (await self.described(name))["fields"][0]
            for record in records:
                ref = (
                    str(record.get("job"))
                    if first.get("completes") == "job" and pane.about != "job"
                    else pane.ref(record)
                )
                result = await self.app.ask("action", name=name, arguments={first["name"]: ref})
                if isinstance(result, dict) and result.get("trash"):
                    self.trashed.append((pane.about, str(result["trash"]), pane.label(record)))
        except CupolaError as error:
            self.app.complain(error)
        else:
            undo = "; u brings it back" if name.endswith(" rm") and self.trashed else ""
            self.app.say(f"{name}: {clean(pane.label(records[0])) if len(records) == 1 else len(records)}{undo}")
        self.view_of_pane().rows.marks.clear()
        self.lists.refresh(pane.kind)

    def view_of_pane(self) -> Any:
        return self.table.view

    @work(group="undo", exit_on_error=False)
    async def action_undo(self) -> None:
        """Brings back what was thrown away last."""
        if not self.trashed:
            self.app.say("there is nothing to undo", "warning")
            return
        about, token, label = self.trashed[-1]
        try:
            if f"{about} restore" not in await self.known_actions():
                self.app.say(f"it lies in .cupola/trash/{token}: move it back by hand", "warning")
                return
            first = (await self.described(f"{about} restore"))["fields"][0]["name"]
            await self.app.ask("action", name=f"{about} restore", arguments={first: token})
        except CupolaError as error:
            self.app.complain(error)
            return
        self.trashed.pop()
        self.app.say(f"{clean(label)} is back")
        self.lists.refresh(self.pane.kind)

    # Copying and looking.

    @work(group="menu", exclusive=True, exit_on_error=False)
    async def action_copy(self) -> None:
        """Offers what can be copied of the record."""
        from cupola_tui.screens.choice import Choice, Menu

        record = self.table.cursor_record()
        if record is None:
            self.app.say("there is nothing to copy", "warning")
            return
        texts = copies(self.pane, record, self.root)
        rows = [Choice(str(place), words, key) for place, (words, key, _) in enumerate(texts)]
        chosen = await self.app.push_screen_wait(Menu("Copy", rows))
        if chosen is not None:
            words, _, text = texts[int(chosen)]
            self.app.copy(text, words)

    def action_plain(self) -> None:
        """The details in a plain screen, the mouse released."""
        from cupola_tui.screens.plainview import PlainView

        self.app.push_screen(PlainView(self.plain_text()))

    def plain_text(self) -> str:
        raise NotImplementedError

    def action_editor(self) -> None:
        """The record's TOML file in $EDITOR; the app waits and comes back."""
        record = self.table.cursor_record()
        if record is None or self.readonly:
            self.app.say(
                "edit: this workspace was opened read-only"
                if self.readonly
                else "edit: there is no record under the cursor",
                "warning",
            )
            return
        name = str(record.get("dataset") or record.get("name"))
        self.app.edit(f"{self.root}/{self.pane.name}/{name}/{self.pane.about}.toml")

    def action_edit(self) -> None:
        """The form of the action that changes the record."""
        self.action_verb(CHANGES[self.pane.name])

    # The command line.

    async def run_command(self, text: str) -> None:
        """Runs a command line of `cupola` in a process of its own and shows what it says."""
        import sys

        try:
            words = shlex.split(text)
        except ValueError as error:
            self.app.say(f"{text}: {error}", "warning")
            return
        options = ["-C", self.root, *(["--readonly"] if self.readonly else [])]
        if self._changes(text):
            options.append("--quiet")  # what came of it is on the screen: its name will do
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            "cupola_tui",
            *options,
            *words,
            cwd="/",
            env=os.environ | {place.VARIABLE: str(place.here())},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        self.app.show_result(text, output.decode(errors="replace").strip(), process.returncode != 0)

    def _changes(self, text: str) -> bool:
        """Whether a command line is that of an action that writes."""
        named = [name for name in self.actions if f"{text} ".startswith(f"{name} ")]
        return bool(named) and bool(self.actions[max(named, key=len)].get("writes", True))


def _words(name: str, pane: Pane) -> str:
    """A verb as a menu says it: "approve" on a model, "train" anywhere."""
    return name.removeprefix(f"{pane.about} ").removeprefix("endpoint ").removeprefix("model ")


def copies(pane: Pane, record: Record, root: str) -> list[tuple[str, str, str]]:
    """What can be copied of a record: words, key, text."""
    ref, path = pane.ref(record), f"{root}/{pane.files(record)}"
    found = [
        ("reference", "r", ref),
        ("id", "i", str(record.get("id") or record.get("name"))),
        ("path", "p", path),
        ("command", "c", f"cupola -C {shlex.quote(root)} {pane.about} show {shlex.quote(ref)} --json"),
        (
            "Python",
            "y",
            f'import cupola\n\nws = cupola.open({root!r})\none = ws.action("{pane.about} show", {pane.about}={ref!r})',
        ),
    ]
    if pane.name == keymap.ENDPOINTS:
        from cupola_tui.screens.endpoints import snippets

        found += [(title, title[0].lower(), code) for title, code in snippets(record) if title in ("curl", "boto3")]
        found[0] = ("name", "n", ref)
        found[3] = ("command", "m", found[3][2])
    return [(words, key, clean(text) if "\n" not in text else text) for words, key, text in found]
