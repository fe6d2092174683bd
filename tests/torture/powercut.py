"""The power of a host is cut while verbs are at work, again and again: `powercut --rounds 20`.

In each round a guest boots with the same disk. First it looks for everything that was acknowledged in the rounds
before, and lets `cupola check --repair` mend what the cut has left; then verbs are at work until, at a random moment,
the guest is gone. Its disk is ext4 with `commit=60,noauto_da_alloc`: what was not synced is not there.
"""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.torture import verbs
from tests.torture.guest import Guest, make_disk

CUT = (0.2, 40.0)  # seconds after the first acknowledgement
ROUND = 900.0  # seconds for what comes before it
LAST = 1800.0


def cuts(directory: Path, rounds: int, draw: random.Random) -> tuple[str, list[str]]:
    """The whole part: what was done, and what was lost."""
    disk, share = directory / "disk", directory / "share"
    share.mkdir()
    make_disk(disk, "1024M")
    for number in range(1, rounds + 2):
        last = number > rounds
        role = ["last"] if last else [str(number), str(draw.randrange(10**6))]
        command = [sys.executable, "-m", "tests.torture.until_cut", str(share), *role]
        with Guest(command, share, disk=disk) as guest:
            guest.wait_up()
            if last:
                if guest.wait(LAST):
                    raise RuntimeError(f"the last look failed: {(share / 'log').read_text()[-2000:]}")
                break
            wait_for_work(guest, share, number)
            seconds = draw.uniform(*CUT)
            time.sleep(seconds)
            guest.cut()
        told = [one.verb for path in share.glob("acks-*") for one in verbs.noted(path)]
        print(f"round {number}: cut after {seconds:.1f} s; {len(told)} acknowledged so far", flush=True)
    found = json.loads((share / "found").read_text())
    told = [one.verb for path in share.glob("acks-*") for one in verbs.noted(path)]
    did = f"{rounds} cuts over {len(set(told))} verbs; {len(told)} acknowledged; {found['mended']} leftovers mended"
    print(", ".join(f"{count} {verb}" for verb, count in Counter(told).most_common()))
    return did, found["wrong"]


def wait_for_work(guest: Guest, share: Path, number: int) -> None:
    """Waits until something was acknowledged in this round."""
    deadline = time.monotonic() + ROUND
    while not any(verbs.noted(share / f"acks-{number}")):
        if guest.status is not None or time.monotonic() > deadline:
            raise RuntimeError(f"round {number} came to nothing: {(share / 'log').read_text()[-2000:]}")
        time.sleep(0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    given = parser.parse_args()
    print(f"seed {given.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="cup-", dir="/tmp") as directory:
        did, wrong = cuts(Path(directory), given.rounds, random.Random(given.seed))
    for one in wrong:
        print(f"LOST OR WRONG: {one}")
    print(f"result: {did} | {f'{len(wrong)} findings' if wrong else 'nothing'}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
