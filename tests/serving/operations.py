"""What the kill tests run: one action on a workspace, in a process of its own; no agent is started."""

from cupola.jobs import agents
from cupola.workspace import Workspace

agents.ensure = lambda: None


def deploy(root: str, model: str) -> None:
    Workspace.open(root).action("endpoint deploy", model=model, name="e")


def rm(root: str) -> None:
    Workspace.open(root).action("endpoint rm", endpoint="e")
