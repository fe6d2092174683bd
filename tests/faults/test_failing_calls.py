"""One system call of a verb fails: a sentence, an exit status, nothing lost, and check mends what is left.

Of all the calls only some; `python -m tests.torture.failing_calls` takes each.
"""

import shutil
from collections.abc import Iterator

import pytest
from tests.conftest import HOMES
from tests.faults.failing_call import Rig
from tests.torture.failing_calls import Torture, new_home

# How many runs of each verb, with each error.
RUNS = {"import": 2, "train": 3, "register": 2, "submit": 2, "comment": 1, "approve": 1, "deploy": 1}


@pytest.fixture(scope="module")
def torture() -> Iterator[Torture]:
    home = new_home()
    with pytest.MonkeyPatch.context() as patch:
        for variable, name in HOMES.items():
            patch.setenv(variable, str(home / name))
        try:
            with Rig(home) as rig:
                yield Torture(rig, home)
        finally:
            shutil.rmtree(home, ignore_errors=True)


@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "short"])
@pytest.mark.parametrize("verb", RUNS)
def test_a_verb_with_a_failing_call(torture: Torture, verb: str, error: str) -> None:
    before = len(torture.violations)
    calls = torture.calls(verb, error)
    assert calls > 1
    step = max(1, calls // RUNS[verb])
    failing = torture.each(verb, error, range(1 + step // 2, calls, step)) or torture.each(verb, error, range(1, 2))
    assert torture.violations[before:] == []
    assert failing
