"""Runs a declared action from the words of a command line."""

from collections.abc import Callable, Sequence
from typing import Any

from cupola import actions, arguments, waiting
from cupola.actions import Action, Parameter
from cupola.errors import BadOption, NotFound, Usage, WorkFailed, meant
from cupola.workspace import Workspace
from cupola_tui.commands import mounts, output, progress
from cupola_tui.commands import options as common
from cupola_tui.commands.options import Options
from cupola_tui.commands.progress import Progress

# Exit statuses: it failed; it ran, and the answer is no.
FAILED, NO = 1, 3


def run(words: Sequence[str], options: Options) -> int:
    """`words` begin with the action's name; gives the exit status."""
    chosen, rest = choose(words, options)
    if chosen is None:
        from cupola_tui.commands import help as helping

        return helping.of_domain(words[0], asked=options.help or "--help" in rest or "-h" in rest)
    return _parsed(chosen, rest, options, perform)


def run_own(command: Action, words: Sequence[str], options: Options) -> int:
    """Runs a command that is no action on a workspace: a function of the options and its own parameters."""
    return _parsed(command, words, options, lambda command, found, options: command.function(options, **found))


def _parsed(
    chosen: Action, words: Sequence[str], options: Options, go: Callable[[Action, dict[str, Any], Options], int]
) -> int:
    if wants_help(words) or options.help:
        from cupola_tui.commands import help as helping

        return helping.of_action(chosen)
    try:
        found = arguments.parse([*chosen.parameters, *shared(chosen)], words)
    except BadOption as error:
        error.where = error.where or chosen.name
        raise
    mine = {one.name for one in chosen.parameters}
    given_everywhere = {name: found.pop(name) for name in list(found) if name not in mine}
    chosen_options = common.take(options, given_everywhere)

    def work() -> int:
        common.enter(chosen_options)
        return go(chosen, found, chosen_options)

    return mounts.watched(words, chosen_options.directory, chosen_options.quiet, work)


def choose(words: Sequence[str], options: Options) -> tuple[Action | None, list[str]]:
    """The action that `words` begin with, and the words after its name; None for a domain alone."""
    declared = {one.name: one for one in actions.domain(words[0])}
    rest = list(words[1:])
    if words[0] in declared and not (rest and f"{words[0]} {rest[0]}" in declared):
        return declared[words[0]], rest
    while rest and rest[0].startswith("-"):
        if wants_help(rest[:1]):
            return None, rest
        _, remaining = common.leading(rest)
        raise Usage(f"options come after the verb: cupola {words[0]} {' '.join(remaining[:1]) or 'VERB'} {rest[0]}")
    if not rest:
        return None, rest
    name = f"{words[0]} {rest[0]}"
    if name not in declared:
        verbs = [one.split(" ", 1)[1] for one in declared]
        hint = meant(rest[0], verbs, f"it has: {', '.join(verbs)}")
        raise Usage(f"there is no verb {rest[0]!r}", where=words[0], hint=hint)
    return declared[name], rest[1:]


def shared(chosen: Action) -> list[Parameter]:
    """The options of every command that this action does not define itself."""
    mine = {arguments.option(one) for one in chosen.parameters}
    letters = {one.arg.short for one in chosen.parameters if one.arg.short}
    offered = [*common.EVERYWHERE, *([common.WAIT] if chosen.waits else [])]
    return [one for one in offered if arguments.option(one) not in mine and one.arg.short not in letters - {""}]


def wants_help(words: Sequence[str]) -> bool:
    before = words[: list(words).index("--")] if "--" in words else words
    return "--help" in before or "-h" in before


def perform(chosen: Action, found: dict[str, Any], options: Options) -> int:
    """Runs the action on the workspace, prints what comes out, waits where that was asked for."""
    workspace = _workspace(chosen, options)
    if workspace and not chosen.name.startswith("agent "):
        from cupola.jobs import agents

        agents.resume(workspace.store)
    with progress.shown(quiet=options.quiet, when=chosen.writes or bool(chosen.waits)) as line:
        result = actions.run(workspace, chosen.name, **found)
        if workspace and options.wait and chosen.waits != "itself":
            result = _waited(workspace, chosen, result, options, line)
    output.show(chosen.name, result, options)
    return _status(chosen, result)


def _workspace(chosen: Action, options: Options) -> Workspace | None:
    """Where the user stands; a verb that needs no workspace does without one."""
    try:
        return Workspace.find(readonly=options.readonly)
    except NotFound:
        if chosen.anywhere:
            return None
        raise


def _waited(workspace: Workspace, chosen: Action, result: Any, options: Options, line: Progress) -> Any:
    """What came of it; of work that failed the record is printed too, before the error."""
    try:
        return progress.wait(workspace, chosen, result, line)
    except WorkFailed:
        output.show(chosen.name, waiting.refresh(workspace, chosen, result), options)
        raise


def _status(chosen: Action, result: Any) -> int:
    if getattr(result, "ok", True) is False:
        return NO
    return FAILED if chosen.name == "job wait" and result.status in waiting.FAILED else 0
