"""`cupola init PATH`: make a directory a workspace."""

import sys
from typing import Annotated, Any

from cupola.actions import Action, Arg
from cupola_tui.commands import acting, cells, output
from cupola_tui.commands.options import Options

AFTER_A_REBOOT = "after a reboot, work goes on with the next command; what `cupola agent unit` prints starts it at once"


def run(words: list[str], options: Options) -> int:
    """Makes the workspace and prints its name and path."""
    return acting.run_own(COMMAND, words, options)


def init(
    options: Options,
    path: Annotated[str, Arg(help="the directory; it is made where it does not exist", completes="directory")] = ".",
    *,
    name: Annotated[str | None, Arg(help="what the workspace is called (default: as the directory)")] = None,
) -> int:
    """Make a directory a workspace: a workspace.toml and room for records; what is there stays as it is."""
    from cupola.errors import ReadOnly
    from cupola.workspace import Workspace

    if options.readonly:
        raise ReadOnly("init writes, and --readonly was given", where=path)
    workspace = Workspace.init(path, name=name)
    made: dict[str, Any] = {"workspace": workspace.settings.name, "path": str(workspace.root)}
    if options.json:
        print(output.as_json(made))
    elif options.quiet:
        print(cells.cell(made["path"]))
    else:
        verb = "is now" if workspace.created else "is already"
        print(f"{cells.cell(made['path'])} {verb} the workspace {cells.cell(made['workspace'])}")
    if not (options.quiet or options.json):
        _say([*workspace.notices, *([AFTER_A_REBOOT] if workspace.created else [])])
    return 0


def _say(notices: list[str]) -> None:
    for notice in notices:
        print(f"cupola: {cells.cell(notice)}", file=sys.stderr)


COMMAND = Action(name="init", function=init)
