"""`cupola init PATH`: make a directory a workspace."""

from typing import Annotated, Any

from cupola.actions import Action, Arg
from cupola_tui.commands import acting, cells, output
from cupola_tui.commands.options import Options


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
        print(f"{cells.cell(made['path'])} is now the workspace {cells.cell(made['workspace'])}")
    return 0


COMMAND = Action(name="init", function=init)
