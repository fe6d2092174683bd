"""Running a Python command in a fork of a process that has imported the heavy libraries, as if it had been started.

The starter calls `prepare` once; a job's process, forked from it, calls `run`. What a fresh interpreter would have done
otherwise than this one (another prefix, options, PYTHON variables, a directory with modules of the same names as
imported ones) makes a command cold: `entry` then gives None, and it is started as it stands.
"""

import atexit
import importlib
import os
import random
import runpy
import sys
import threading
import time
import types
from collections.abc import Mapping
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

HARMLESS = ("PYTHONPATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE")
DECIDING = ("LD_LIBRARY_PATH",)


class Entry(NamedTuple):
    """What a Python command runs: a script (its path) or a module (its name), and its arguments.

    source: where the text of the script lies; first: where its modules are imported from first.
    """

    script: str | None
    module: str | None
    arguments: list[str]
    source: str = ""
    first: str = ""


class Baseline:
    """What the warm process is, as `prepare` found it."""

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController

        mine = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        self.path = [one for one in sys.path if one and one not in mine]
        self.names = {name.partition(".")[0] for name in sys.modules} - set(sys.builtin_module_names) - {"__main__"}
        self.variables = dict(os.environ)
        self.controller = ThreadpoolController()


baseline: Baseline | None = None


def prepare() -> None:
    """Takes down what this process is, after all was imported and before anything is forked."""
    global baseline
    baseline = Baseline()


def entry(program: str | None, words: list[str], directory: str, variables: Mapping[str, str]) -> Entry | None:
    """How to run a command warm, or None when it has to be started cold. `words` follow the program."""
    if baseline is None or program is None or not is_own(program) or not _same_interpreter(variables):
        return None
    if any(_shadows(one) for one in variables.get("PYTHONPATH", "").split(os.pathsep) if one):
        return None
    rest = words[1:] if words[:1] == ["-u"] else words
    if len(rest) >= 2 and rest[0] == "-m":
        found = Entry(None, rest[1], rest[2:])
        return found if own_module(rest[1]) or not _shadows(directory) else None
    if not rest or rest[0].startswith("-"):
        return None
    script = os.path.join(directory, rest[0])  # noqa: PTH118
    if not os.path.isfile(script) or _shadows(os.path.dirname(script)):  # noqa: PTH113, PTH120
        return None
    return Entry(rest[0], None, rest[1:], script, os.path.dirname(os.path.realpath(script)))  # noqa: PTH120


def is_own(program: str) -> bool:
    """Whether a program is this very interpreter: the same file, and the same prefix (environment)."""
    same = os.path.realpath(program) == os.path.realpath(sys.executable)
    here = Path(program).parent
    venv = next((one for one in (here, here.parent) if (one / "pyvenv.cfg").exists()), None)
    prefix = Path(sys.base_prefix) if venv is None else venv
    return same and os.path.realpath(prefix) == os.path.realpath(sys.prefix)


def own_module(name: str) -> bool:
    return name.partition(".")[0] == "cupola"


def reseed(seed: int) -> None:
    """Gives this process random numbers of its own: a fork would draw the same ones as its siblings."""
    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed % 2**32)


def set_threads(count: int) -> None:
    """Sets the number of threads of the numeric libraries that are loaded (variables would be too late)."""
    if baseline and count > 1:
        baseline.controller.limit(limits=count)


def run(found: Entry) -> NoReturn:
    """Runs it as the main program of this process, which ends as an interpreter would."""
    code = 1
    try:
        code = _main(found)
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    finally:
        code = _flush() or code
        os._exit(code)


def _main(found: Entry) -> int:
    if hasattr(time, "tzset"):
        time.tzset()
    _streams()
    assert baseline is not None
    extra = [one for one in os.environ.get("PYTHONPATH", "").split(os.pathsep) if one]
    sys.path[:] = [os.path.abspath(one) for one in extra] + baseline.path  # noqa: PTH100
    importlib.invalidate_caches()
    main = types.ModuleType("__main__")
    sys.modules["__main__"] = main
    sys.orig_argv = [
        sys.executable,
        *(["-m", found.module] if found.module else [found.script or ""]),
        *found.arguments,
    ]
    try:
        if found.module:
            if not own_module(found.module):
                sys.path.insert(0, os.getcwd())  # noqa: PTH109
            sys.argv = [found.module, *found.arguments]
            main.__dict__.update(__builtins__=__builtins__)
            _forget(found.module)
            runpy._run_module_as_main(found.module)  # type: ignore[attr-defined]
        else:
            _script(found, main)
    except SystemExit as end:
        return _exit_code(end.code)
    except BaseException as error:  # noqa: BLE001 - as the interpreter's own top level
        error.__traceback__ = _users_part(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return 1
    return 0


def _forget(module: str) -> None:
    """Takes what is to be the main program out of what is imported: runpy runs it anew, and warns if it was."""
    sys.modules.pop(f"{module}.__main__", None)
    if not hasattr(sys.modules.get(module), "__path__"):
        sys.modules.pop(module, None)


def _script(found: Entry, main: types.ModuleType) -> None:
    name = os.path.abspath(found.script or "")  # noqa: PTH100
    sys.argv = [found.script or "", *found.arguments]
    sys.path.insert(0, found.first)
    code = compile(Path(found.source).read_bytes(), name, "exec", dont_inherit=True)
    main.__dict__.update(
        __builtins__=__builtins__, __file__=name, __cached__=None, __package__=None, __spec__=None,
        __loader__=SourceFileLoader("__main__", name), __annotations__={},
    )  # fmt: skip
    exec(code, main.__dict__)


def _users_part(traceback: types.TracebackType | None) -> types.TracebackType | None:
    """The traceback without the frames of this module and of runpy, as a fresh interpreter would show it."""
    while traceback and traceback.tb_frame.f_code.co_filename in (__file__, runpy.__file__, "<frozen runpy>"):
        traceback = traceback.tb_next
    return traceback


def _exit_code(code: Any) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _streams() -> None:
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


def _flush() -> int:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            return 120
    return 0


def _same_interpreter(variables: Mapping[str, str]) -> bool:
    """Whether a fresh interpreter with these variables would be as this one is."""
    assert baseline is not None
    names = {name for name in (*variables, *baseline.variables) if name.startswith("PYTHON")} - set(HARMLESS)
    return all(variables.get(name) == baseline.variables.get(name) for name in (*names, *DECIDING))


def _shadows(directory: str) -> bool:
    """Whether modules in a directory bear the names of modules that are already imported here."""
    assert baseline is not None
    try:
        found = [path.name for path in Path(directory).iterdir()]
        names = {name.partition(".")[0] for name in found if name.endswith(".py") or "." not in name}
    except OSError:
        return False
    return any(_is_module(directory, name) for name in names & baseline.names)


def _is_module(directory: str, name: str) -> bool:
    path = Path(directory, name)
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()
