"""`cupola _complete -- WORDS...`: what could stand at the last word, one candidate a line; `:` asks for file names."""

from collections.abc import Sequence

from cupola import actions, arguments
from cupola.actions import DOMAINS, Parameter
from cupola.errors import CupolaError
from cupola_tui.commands import acting
from cupola_tui.commands import options as common
from cupola_tui.commands.options import Options

FILES = ":"


def run(words: list[str], options: Options) -> int:
    """Never an error: where nothing is known, nothing is offered."""
    typed = words[1:] if words[:1] == ["--"] else words
    try:
        found = candidates(typed or [""])
    except (CupolaError, OSError):
        found = []
    print("\n".join(found))
    return 0


def candidates(typed: Sequence[str]) -> list[str]:
    """What may stand at the last of the words."""
    *before, word = typed
    options, rest = common.leading(list(before))
    if not rest:
        if before and before[-1] in ("-C", "--directory"):
            return [FILES]
        own = ["init", "demo", "completion", "help"]
        return _starting([*DOMAINS, *own], word) or _starting(_flags(common.EVERYWHERE), word) or [FILES]
    if rest[0] not in DOMAINS:
        return _of_own(rest, word)
    declared = [one.name for one in actions.domain(rest[0])]
    verbs = _starting([name.split(" ", 1)[1] for name in declared if " " in name], word) if len(rest) == 1 else []
    if len(rest) == 1 and rest[0] not in declared:
        return verbs
    chosen, given = acting.choose(rest, options)
    if chosen is None:
        return []
    return verbs + _of_parameters([*chosen.parameters, *acting.shared(chosen)], given, word, options)


def _of_own(rest: list[str], word: str) -> list[str]:
    from importlib import import_module

    from cupola_tui.commands import OWN

    if rest[0] == "help":
        return _starting(DOMAINS, word)
    command = import_module(OWN[rest[0]]).COMMAND if rest[0] in OWN else None
    return _of_parameters([*command.parameters, *common.EVERYWHERE], rest[1:], word, Options()) if command else [FILES]


def _of_parameters(parameters: Sequence[Parameter], given: list[str], word: str, options: Options) -> list[str]:
    by_option = {arguments.option(one): one for one in parameters}
    by_option.update({f"-{one.arg.short}": one for one in parameters if one.arg.short})
    if "--" in given:
        return [FILES]
    if word.startswith("-"):
        return _flags_left(parameters, given, word)
    if given and given[-1] in by_option and arguments.kind(by_option[given[-1]]) != "boolean":
        return _values(by_option[given[-1]], given[:-1], word, parameters, options)
    taken = _positional(given, by_option)
    places = [one for one in parameters if one.positional]
    place = places[min(taken, len(places) - 1)] if places and (taken < len(places) or places[-1].repeated) else None
    if place is None:
        return _flags_left(parameters, given, word)
    return _values(place, given, word, parameters, options)


def _values(
    parameter: Parameter, given: list[str], word: str, parameters: Sequence[Parameter], options: Options
) -> list[str]:
    choices = arguments.choices(parameter)
    if choices:
        return _starting(choices, word)
    if arguments.kind(parameter) == "path" or parameter.arg.completes in ("file", "directory"):
        return [FILES]
    from cupola import completion
    from cupola.workspace import Workspace

    if parameter.arg.completes.endswith(" filter"):  # the shell hands over what is not yet closed with its quote
        word = word.lstrip("'\"")
    known = arguments.parse(parameters, given, partial=True)
    directory = str(known.get("directory") or options.directory or ".")
    store = Workspace.find(directory, readonly=True).store
    return completion.names(store, parameter.arg.completes, word, known)


def _flags_left(parameters: Sequence[Parameter], given: list[str], word: str) -> list[str]:
    once = {arguments.option(one) for one in parameters if not one.repeated}
    return [one for one in _starting(_flags(parameters), word) if one not in given or one not in once]


def _flags(parameters: Sequence[Parameter]) -> list[str]:
    return sorted(arguments.option(one) for one in parameters if not one.positional)


def _positional(given: list[str], by_option: dict[str, Parameter]) -> int:
    """How many words of `given` are neither options nor their values."""
    count, skip = 0, False
    for one in given:
        if skip:
            skip = False
        elif one.startswith("-") and len(one) > 1:
            known = by_option.get(one)
            skip = known is not None and arguments.kind(known) != "boolean"
        else:
            count += 1
    return count


def _starting(known: Sequence[str] | dict[str, str], word: str) -> list[str]:
    return [one for one in known if one.startswith(word)]
