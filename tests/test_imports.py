"""Each level loads only what is light: what a process has loaded after an import is looked at from within it."""

import subprocess
import sys
from functools import cache

import pytest

from cupola.actions import DOMAINS, MORE

HEAVY = (
    "sklearn", "pandas", "pyarrow", "duckdb", "numpy", "scipy", "joblib", "skops", "starlette", "uvicorn", "optuna",
)  # fmt: skip
RECORDS = (
    "datasets", "experiments", "jobs", "registry", "serving", "tuning",
    "forecasting", "autopilot", "pipelines", "flows",
)  # fmt: skip
LIGHT = [
    "cupola.store",
    "cupola.workspace",
    *(f"cupola.{domain}.records" for domain in RECORDS),
    *DOMAINS.values(),
    *MORE.values(),
    "cupola.environments.catalogue",
    "cupola.jobs.attempt",
    "cupola.tracking.run",
    "cupola.tracking.autologging",
    "cupola.team.notes",
    "cupola.team.presence",
    "cupola.api",
    "cupola.bridge",
    "cupola_tui.commands.acting",
    "cupola_tui.commands.demo",
    "cupola_tui.commands.completing",
    "cupola_tui.app",
    "cupola_tui.studio",
]


@cache
def loaded_after(program: str) -> set[str]:
    """The top-level modules that a process has loaded once it has run `program`."""
    program += "\nimport sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=180)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", LIGHT)
def test_nothing_heavy_is_loaded(module: str) -> None:
    assert loaded_after(f"import {module}").isdisjoint(HEAVY)


@pytest.mark.parametrize("module", [one for one in LIGHT if not one.startswith("cupola_tui.studio")])
def test_no_command_and_no_record_loads_the_screen(module: str) -> None:
    assert loaded_after(f"import {module}").isdisjoint({"textual", "rich", "asyncio"})


def test_importing_cupola_costs_nothing_until_it_is_used() -> None:
    assert loaded_after("import cupola").isdisjoint({*HEAVY, "msgspec", "tomlkit", "inspect", "pathlib"})


def test_a_command_loads_the_actions_of_its_domain_only() -> None:
    program = """
import sys
from cupola_tui.commands import main
main(["job", "--help"])
print(*(name for name in sys.modules if name.endswith(".actions")), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=180)
    assert set(done.stderr.split()) == {"cupola.actions", "cupola.jobs.actions"}
