"""What menus and the palette offer, worked out from records, panes and actions."""

import shlex

from cupola_tui import keymap, verbs
from cupola_tui.plain import clean
from cupola_tui.screens import panes
from cupola_tui.screens.choice import Choice
from cupola_tui.screens.pane import Pane
from cupola_tui.widgets.rows import Record

# What `:` takes besides panes and actions: what the word does, and what is said of it.
WORDS = {
    "log": ("app.log", "the app's own log"),
    "init": ("init", "make this directory a workspace"),
    "quit": ("leave", "leave; jobs and endpoints go on"),
    "q": ("leave", "the same"),
    "reader replace": ("replace_reader", "give up the process that reads the workspace, and start another"),
    "theme": ("app.theme", "the next theme"),
    "help": ("help", "the keys"),
}
NOT_IN_MENUS = ("menu", "undo", "plain")
MOST = 2000  # records of a kind that the palette looks through


def palette(here: Pane, actions: dict[str, Record], lists: dict[str, list[Record]]) -> list[Choice]:
    """Every pane, action, key, word and record; an id says what to do with the rest of it."""
    shown = [panes.pane(name) for name in panes.named()]
    keys = {one.name: keymap.named(f"pane_{one.name}").label for one in shown}
    rows = [Choice(f"word {one.name}", one.title, key=keys[one.name], kind="screen") for one in shown]
    rows += [Choice(f"do {name}", name, kind="action") for name in actions]
    rows += [
        Choice(f"key {key.id}", key.words, key.label, kind="key")
        for key in keymap.TABLE
        if key.scope in ("main", "body")
        and keymap.applies(key, here.name)
        and not key.action.startswith(("verb", "pane"))
    ]
    rows += [Choice(f"word {word}", said, kind=f":{word}") for word, (_, said) in WORDS.items() if word != "q"]
    for pane in (one for one in shown if one.leads is None):
        rows += [
            Choice(f"at {pane.name} {pane.ident(one)}", clean(pane.label(one)), kind=pane.about)
            for one in lists.get(pane.kind, [])[:MOST]
        ]
    return rows


def verbs_of(pane: Pane, records: list[Record], actions: dict[str, Record], readonly: bool) -> list[Choice]:
    """All verbs of the records: those that have a key, in its words, and then the others; what cannot act now says why.
    Ids are as in the palette."""

    def why_not(name: str) -> str:
        if name in actions:
            return verbs.why_not(name, records, readonly, actions[name])
        return "" if records else "there is no record under the cursor"

    keys = [
        key
        for key in keymap.TABLE
        if key.group == "Verbs" and key.id not in NOT_IN_MENUS and keymap.applies(key, pane.name)
    ]
    behind = {key.id: verbs.behind(key, pane) for key in keys}
    rows = [
        Choice(f"do {key.verb}" if key.verb else f"key {key.id}", key.words, key.label, why_not(behind[key.id]))
        for key in keys
    ]
    said = {*behind, "rm", "stop"}
    return rows + [
        Choice(f"do {name}", _words(name, pane), why_not=why_not(name))
        for name in verbs.of(pane, actions)
        if name not in behind.values() and name.split()[-1] not in said
    ]


def _words(name: str, pane: Pane) -> str:
    """A verb as a menu says it: "approve" on a model, "train" anywhere."""
    return name.removeprefix(f"{pane.about} ").removeprefix("endpoint ").removeprefix("model ")


def copies(pane: Pane, record: Record, root: str) -> list[tuple[str, str, str]]:
    """What can be copied of a record: words, key, text."""
    ref, path = pane.ref(record), f"{root}/{pane.files(record)}"
    if pane.name == keymap.ACTIVITY:
        command = f"cupola -C {shlex.quote(root)} activity {shlex.quote(ref)} --json"
        texts = [("reference", "r", ref), ("text", "t", str(record.get("text"))), ("command", "c", command)]
        return [(words, key, clean(one)) for words, key, one in texts]
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
        from cupola_tui.screens.calling import snippets

        calls = dict(snippets(record))
        found[0] = ("name", "n", ref)
        found[3:] = [("curl", "c", calls["curl"]), ("boto3", "b", calls["boto3"]), ("Python", "y", calls["Python"])]
        found.append(("command", "m", calls["Cupola"]))
    return [(words, key, clean(text) if "\n" not in text else text) for words, key, text in found]
