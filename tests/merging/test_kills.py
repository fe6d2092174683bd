"""A merge that is killed at any of its changes loses nothing, and the next one completes it."""

import os
import shutil
from collections.abc import Callable

from tests.merging.conftest import Merging
from tests.merging.records import carried, comments, describes, directory, goes_on, imports

from cupola.workspace import Workspace

CHANGES = ("rename", "link", "write", "mkdir")
KILLED = 137


def fill(one: Workspace, name: str) -> None:
    comments(one.store, f"{name} says")
    describes(one.store, f"{name} was here")
    imports(one.store, f"2-{name * 4}", name)
    goes_on(one.store, name * 10, "one")
    directory(one.store, f"jobs/2026-11/{name * 10}", {"job.json": "{}", "attempts/1/log.txt": "x"})
    (one.root / f"{name}.py").write_text(name)


def dies_at(number: int, run: Callable[[], object]) -> bool:
    """Whether `run`, in a process of its own, dies (as of SIGKILL) at the change of that number."""
    if (child := os.fork()) == 0:
        left = number

        def counted(call: Callable[..., object]) -> Callable[..., object]:
            def go(*words: object, **more: object) -> object:
                nonlocal left
                left -= 1
                if left < 0:
                    os._exit(KILLED)
                return call(*words, **more)

            return go

        for name in CHANGES:
            setattr(os, name, counted(getattr(os, name)))
        try:
            run()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == KILLED


def test_a_merge_that_is_killed_anywhere_is_completed_by_the_next(workspace: Workspace, merges: Merging) -> None:
    base = workspace.root.parent
    fill(workspace, "z")
    shutil.copytree(workspace.root, base / "there")
    there = Workspace.open(base / "there")
    fill(workspace, "a")
    fill(there, "b")
    goes_on(there.store, "z" * 10, "two")
    (there.root / f"experiments/e/{'z' * 10}/run.json").read_text()
    begun = carried(workspace.root)
    shutil.copytree(workspace.root, base / "whole")
    whole = Workspace.open(base / "whole")
    merges(whole, there)
    complete = carried(whole.root)
    for number in range(0, 1000, 5):
        shutil.copytree(workspace.root, base / "tried")
        tried = Workspace.open(base / "tried")
        died = dies_at(number, lambda tried=tried: merges(tried, there))  # type: ignore[misc]
        left = carried(tried.root)
        assert set(left) >= set(begun)
        assert {path for path in begun if begun[path] != left[path]} <= {
            path for path in begun if begun[path] != complete[path]
        }
        merges(tried, there)
        assert carried(tried.root) == complete
        assert not list((tried.root / ".cupola/staging").iterdir())
        shutil.rmtree(base / "tried")
        if not died:
            assert number > 20
            return
    raise AssertionError("it never ends by itself")
