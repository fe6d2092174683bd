"""The help of each command says what it does, what it takes, and how it is used, and its examples are right."""

import shlex
from collections.abc import Callable

import pytest

from cupola import actions, arguments
from cupola.actions import Action
from cupola_tui.commands import acting
from cupola_tui.commands.completion import COMMAND as COMPLETION
from cupola_tui.commands.demo import COMMAND as DEMO
from cupola_tui.commands.examples import EXAMPLES
from cupola_tui.commands.init import COMMAND as INIT

Cupola = Callable[..., tuple[int, str, str]]
COMMANDS = {one.name: one for one in [*actions.catalogue(), INIT, DEMO, COMPLETION]}


def test_each_command_has_an_example_and_no_example_is_of_nothing() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda one: one.name)
def test_the_help_names_every_parameter_and_shows_the_examples(cupola: Cupola, command: Action) -> None:
    status, out, err = cupola(f"{command.name} --help")
    assert (status, err) == (0, "")
    assert command.summary and command.summary in out
    for parameter in command.parameters:
        shown = parameter.name.rstrip("_").upper() if parameter.positional else arguments.option(parameter)
        assert shown in out
        assert parameter.arg.help and parameter.arg.help in out
    assert all(example in out for example in EXAMPLES[command.name])


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda one: one.name)
def test_the_examples_can_be_typed(command: Action) -> None:
    for example in EXAMPLES[command.name]:
        if not example.startswith("cupola "):
            continue
        words = shlex.split(example.partition(" > ~")[0])[1:]
        assert " ".join(words).startswith(command.name)
        arguments.parse([*command.parameters, *acting.shared(command)], words[len(command.name.split()) :])


def test_the_overview_lists_every_command(cupola: Cupola) -> None:
    status, out, _ = cupola("--help")
    assert status == 0
    assert all(f"cupola {name}" in out for name in COMMANDS)


def test_help_of_a_command_in_the_other_order(cupola: Cupola) -> None:
    assert cupola("help run ls") == cupola("run ls --help")
    assert cupola("help run") == cupola("run --help")
    assert cupola("help init") == cupola("init --help")
    assert cupola("help runn")[0] == 2
