"""The long form of the fault tests, part by part: what was done, and what was lost.

    python -m tests.torture [--seconds 300] [--rounds 20] [--every 1] [PART...]

PART is a part or how several begin ("storm", "rules on nfs"); without one, all are run. Needs root and Debian, and
installs the packages it needs. The results are written into docs/reliability.md.
"""

import argparse
import datetime
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.torture import results
from tests.torture.mounts import MOUNTS
from tests.torture.results import Result

REPOSITORY = Path(__file__).parents[2]
FAILING = ("import", "train", "register", "deploy", "submit", "comment,tag,approve")


def parts(seconds: int, rounds: int, every: int) -> dict[str, list[str]]:
    """Each part and its command."""
    python = [sys.executable, "-m"]
    on = {mount: [*python, "tests.torture.mounts", mount, "--", *python] for mount in MOUNTS}
    made = {"order of calls": [*python, "tests.torture.order"]}
    for verbs in FAILING:
        words = [*python, "tests.torture.failing_calls", "--every", str(every), "--verbs", verbs]
        made[f"failing calls of {verbs.replace(',', ', ')}"] = words
    made["power cuts"] = [*python, "tests.torture.powercut", "--rounds", str(rounds)]
    for mount, words in on.items():
        made[f"rules on {mount}"] = [*words, "tests.torture.rules", "{a}", "{b}"]
    for mount, words in on.items():
        made[f"storm on {mount}"] = [*words, "tests.torture.storm", "{a}", "{b}", "--seconds", str(seconds)]
    for mount, words in on.items():
        hosts = [*words, "tests.torture.two_hosts", "{a}", "{b}", "--seconds", str(seconds // 2)]
        made[f"two hosts on {mount}"] = hosts
    return made


def run(part: str, command: list[str]) -> Result | None:
    """Runs a part, whose words are printed; None when it did not come to its end."""
    print(f"== {part}", flush=True)
    at, begun = results.commit(), time.monotonic()
    source = os.pathsep.join(str(REPOSITORY / one) for one in ("", "engine", "tui"))  # whatever is installed
    variables = os.environ | {"PYTHONPATH": source}
    last = ""
    with subprocess.Popen(
        command, cwd=REPOSITORY, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            print(line, end="", flush=True)
            last = line if line.strip() else last
    said = results.cells(last)
    if said is None:
        return None
    minutes = f"{(time.monotonic() - begun) / 60:.0f}"
    return Result(part, *said, minutes, f"{datetime.datetime.now(datetime.UTC).date()} {at}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--seconds", type=int, default=300, help="of each storm")
    parser.add_argument("--rounds", type=int, default=20, help="of power cuts")
    parser.add_argument(
        "--every", type=int, default=1, metavar="K", help="let only each K-th call fail where reads can"
    )
    given = parser.parse_args()
    known = parts(given.seconds, given.rounds, given.every)
    chosen = [part for part in known if not given.parts or part.startswith(tuple(given.parts))]
    if not chosen:
        parser.error(f"there are: {', '.join(known)}")
    made = {}
    for part in chosen:
        made[part] = run(part, known[part])
        results.write(results.read() | {name: one for name, one in made.items() if one}, list(known))
    print()
    for part, one in made.items():
        print(f"{part}: {one.did}; lost or wrong: {one.lost}" if one else f"{part}: it could not be run")
    return any(one is None or one.lost != results.NOTHING for one in made.values())


if __name__ == "__main__":
    sys.exit(main())
