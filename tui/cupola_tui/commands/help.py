"""The help of each command, made from its action."""

from cupola import actions, arguments
from cupola.actions import DOMAINS, Action, Parameter
from cupola_tui.commands import acting, examples
from cupola_tui.commands.cells import bold
from cupola_tui.commands.options import EVERYWHERE, VERSION, Options

OWN = {
    "cupola [PATH]": "open the app on a directory (default: this one)",
    "cupola init PATH": "make a directory a workspace",
    "cupola demo": "take a sample from data to a live prediction",
    "cupola completion SHELL": "print what makes bash, zsh or fish complete commands, options and names",
}


def run(words: list[str], options: Options) -> int:
    """`cupola help [COMMAND...]`."""
    if not words:
        return overview()
    if words[0] not in DOMAINS:
        from cupola_tui.commands import main

        return main([*words, "--help"])
    chosen, _ = acting.choose(words, options)
    return of_domain(words[0], asked=True) if chosen is None else of_action(chosen)


def overview() -> int:
    """Every command there is."""
    lines = ["Cupola: a machine-learning studio that lives in a terminal.", ""]
    rows = list(OWN.items())
    for name in DOMAINS:
        rows += [("", ""), *((f"cupola {one.name}", one.summary) for one in actions.domain(name))]
    print("\n".join([*lines, *_columns(rows), "", bold("Everywhere"), *_options([*EVERYWHERE, VERSION]), "", _MORE]))
    return 0


_MORE = """`cupola COMMAND --help` says what a command takes.
Exit status: 0 done, 1 failed, 2 wrong usage, 3 the answer is no, 130 interrupted."""


def of_domain(name: str, *, asked: bool) -> int:
    """The verbs of one domain; an incomplete command that nobody asked help for is wrong usage."""
    import sys

    rows = [(f"cupola {one.name}", one.summary) for one in actions.domain(name)]
    print(
        "\n".join([*_columns(rows), "", f"`cupola {name} VERB --help` says more."]), file=None if asked else sys.stderr
    )
    return 0 if asked else 2


def of_action(chosen: Action) -> int:
    """One command: what it does, its parameters, an example."""
    positional = [one for one in chosen.parameters if one.positional]
    required = [one for one in chosen.parameters if one.required and not one.positional]
    own = [one for one in chosen.parameters if not one.positional]
    usage = " ".join(
        [
            f"cupola {chosen.name}",
            *(f"{arguments.option(one)} {_value(one)}" for one in required),
            *(["[OPTIONS]"] if len(own) > len(required) else []),
            *(_placed(one) for one in positional),
        ]
    )
    lines = [bold(usage), "", chosen.summary]
    if chosen.description:
        lines += ["", chosen.description]
    if positional:
        lines += ["", bold("Arguments"), *_columns([(_value(one), _help(one)) for one in positional])]
    if own:
        lines += ["", bold("Options"), *_options(own)]
    lines += ["", bold("Everywhere"), *_options(acting.shared(chosen))]
    if chosen.name in examples.EXAMPLES:
        lines += ["", bold("Example"), *(f"  {one}" for one in examples.EXAMPLES[chosen.name])]
    print("\n".join(lines))
    return 0


def _placed(one: Parameter) -> str:
    shown = _value(one) + ("..." if one.repeated else "")
    return shown if one.required else f"[{shown}]"


def _value(one: Parameter) -> str:
    """What stands for the value: NAME, or what may be written."""
    if one.positional:
        return one.name.rstrip("_").upper()
    choices = arguments.choices(one)
    if choices:
        return "|".join(choices)
    words = {"integer": "N", "number": "X", "pairs": "KEY=VALUE", "path": "PATH", "boolean": ""}
    return words.get(arguments.kind(one)) or (one.arg.completes or one.name.rstrip("_")).upper().replace("_", "-")


def _options(parameters: list[Parameter]) -> list[str]:
    return _columns([(_flags(one), _help(one)) for one in parameters])


def _flags(one: Parameter) -> str:
    short = f"-{one.arg.short}, " if one.arg.short else "    "
    value = "" if arguments.kind(one) == "boolean" else f" {_value(one)}"
    return f"{short}{arguments.option(one)}{value}"


def _help(one: Parameter) -> str:
    notes = []
    if one.required and not one.positional:
        notes.append("needed")
    if one.positional and arguments.choices(one):
        notes.append(f"one of {', '.join(arguments.choices(one))}")
    if one.repeated and not one.positional:
        notes.append("may be repeated")
    if one.default not in (None, False, "", (), [], {}):
        notes.append(f"default: {one.default}")
    return one.arg.help + (f" ({'; '.join(notes)})" if notes else "")


def _columns(rows: list[tuple[str, str]]) -> list[str]:
    """Two columns; a long left cell puts the right one on the next line."""
    width = min(max((len(left) for left, _ in rows), default=0), 38)
    lines = []
    for left, right in rows:
        if len(left) > width:
            lines += [f"  {left}", f"  {'':{width}}  {right}".rstrip()]
        else:
            lines.append(f"  {left:{width}}  {right}".rstrip())
    return lines
