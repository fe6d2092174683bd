"""A job on another host than the one where it was filed: its paths and variables there, and whether it can run."""

import os
import sys
from typing import Any

import pytest

from cupola.jobs import moved
from cupola.jobs.wish import Code, Job
from cupola.store import Store, names
from cupola.workspace import Workspace


@pytest.fixture
def store(workspace: Workspace) -> Store:
    return workspace.store


def job(**more: Any) -> Job:
    user, _ = names.who()
    wished: dict[str, Any] = {
        "id": "a", "kind": "command", "name": "n", "command": ["python", "x.py"], "interpreter": sys.executable,
        "directory": "/there/ws", "user": user, "host": "another", "root": "/there/ws", "submitted": names.now(),
    }  # fmt: skip
    return Job(**wished | more)


def test_what_lay_in_the_workspace_lies_in_this_hosts_own(store: Store) -> None:
    command = ["/there/ws/bin/run", "--data=/there/ws/data.csv", "/there/wsx/y", "a=b", "/there/ws"]
    code = Code(files={}, script="run", position=0, origin="/there/ws/bin/run")
    filed = job(command=command, directory="/there/ws/sub", interpreter="/there/ws/bin/run", code=code)
    here = moved.here(store, filed)
    root = str(store.root)
    assert here.command == [f"{root}/bin/run", f"--data={root}/data.csv", "/there/wsx/y", "a=b", root]
    assert (here.directory, here.interpreter) == (f"{root}/sub", f"{root}/bin/run")
    assert here.code and here.code.origin == f"{root}/bin/run"
    assert filed.command == command, "the wish stays as it was signed"


def test_variables_of_a_host_are_this_hosts_own_and_the_others_go_along(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUPOLA_HOST", "this-one")
    variables = {"HOME": "/there", "XDG_CACHE_HOME": "/there/cache", "CUPOLA_HOST": "another", "LANG": "C"}
    here = moved.here(store, job(environment=variables | {"PYTHONPATH": "/lib:/there/ws/lib"}))
    assert here.environment["LANG"] == "C"
    assert here.environment["PYTHONPATH"] == f"/lib:{store.root}/lib"
    assert here.environment["HOME"] == os.environ["HOME"]
    assert here.environment["CUPOLA_HOST"] == "this-one"
    assert here.environment["XDG_CACHE_HOME"] == os.environ["XDG_CACHE_HOME"]


def test_where_it_was_filed_it_is_as_it_was_filed(store: Store) -> None:
    filed = job(root=str(store.root), host=names.host(), environment={"HOME": "/elsewhere"})
    assert moved.here(store, filed) is filed


@pytest.mark.parametrize(
    ("more", "can"),
    [
        ({}, True),
        ({"interpreter": "/no/such/python"}, False),
        ({"interpreter": None}, False),
        ({"directory": "/no/such/directory"}, False),
        ({"kind": "train", "version": moved.version()}, True),
        ({"kind": "train", "version": "0.0.0"}, False),
    ],
)
def test_it_can_run_where_all_that_it_needs_is(store: Store, more: dict[str, Any], can: bool) -> None:
    assert moved.can_run(store, job(**more)) is can
