"""The rules of the store on one directory that two hosts have: `rules A B`.

Runs the tests of the store that take a directory (tests/store) on the two views.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.store import views

TESTS = ("test_two_hosts.py", "test_processes.py")
STORE = Path(__file__).parents[1] / "store"


def main(a: str, b: str) -> int:
    command = [sys.executable, "-m", "pytest", "-q", "--timeout=1200", "-p", "no:cacheprovider", "-n0"]
    command += [str(STORE / name) for name in TESTS]
    variables = os.environ | {views.VARIABLE: f"{a}:{b}"}
    done = subprocess.run(command, env=variables, stdout=subprocess.PIPE, text=True, check=False)
    print(done.stdout, end="")
    count = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error|skipped)", done.stdout)}
    broken = sorted(set(re.findall(r"(?m)^(?:FAILED|ERROR) \S*::(\S+)", done.stdout)))
    print(f"result: {count.get('passed', 0)} rules held | {', '.join(broken) or 'nothing'}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
