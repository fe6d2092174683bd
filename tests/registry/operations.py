"""What the kill tests run: one action on a workspace, in a process of its own."""

from cupola.workspace import Workspace


def register(root: str, run: str) -> None:
    Workspace.open(root).action("model register", run=run, name="late")


def approve(root: str, model: str) -> None:
    Workspace.open(root).action("model approve", model=model, note="good")
