"""The last result of each part, as docs/reliability.md shows it between two marks.

    python -m tests.torture.results

warns, and no more than that, when the store has changed since the oldest of them.
"""

import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCUMENT = REPOSITORY / "docs" / "reliability.md"
BEGIN, END = "<!-- written by `make torture` -->", "<!-- end -->"
HEAD = "| part | what was done | lost or wrong | minutes | when, and at which commit |\n|---|---|---|---|---|\n"
NOTHING = "nothing"  # is lost
STORE = "engine/cupola/store"
ENGINE = "engine"


@dataclass(frozen=True)
class Result:
    """What came of a part: what was done, and what was lost."""

    part: str
    did: str
    lost: str
    minutes: str
    when: str

    @property
    def commit(self) -> str:
        return self.when.split()[1]


def read() -> dict[str, Result]:
    """The results in the document, by part."""
    section = DOCUMENT.read_text().partition(BEGIN)[2].partition(END)[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in section.splitlines() if line[:1] == "|"]
    return {row[0]: Result(*row) for row in rows[2:]}


def write(results: dict[str, Result], order: Sequence[str]) -> None:
    """Puts them into the document, in that order."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    chosen = [results[part] for part in order if part in results]
    rows = "".join(f"| {one.part} | {one.did} | {one.lost} | {one.minutes} | {one.when} |\n" for one in chosen)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{machine()}\n\n{HEAD}{rows}{END}{after}")


def machine() -> str:
    """This machine, as far as it matters."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0))
    system = f"Linux {os.uname().release.split('-')[0]}, Python {platform.python_version()}"
    return f"On {cores} cores with {memory:.0f} GB of memory, {system}; guests have one core and 3 GB."


def commit() -> str:
    """The commit that is here, and whether the engine is any different from it."""
    name = _git("rev-parse", "--short", "HEAD").strip()
    return name + (" with changes" if _git("status", "--porcelain", "--", ENGINE).strip() else "")


def _git(*words: str) -> str:
    return subprocess.run(["git", "-C", REPOSITORY, *words], capture_output=True, text=True, check=True).stdout


def main() -> None:
    try:
        commits = {one.commit for one in read().values()}
        changed = [one for one in commits if _git("diff", "--name-only", one, "--", STORE)]
    except (OSError, subprocess.CalledProcessError):
        return  # a checkout without its history
    if changed or not commits:
        since = f"since {', '.join(sorted(changed))}" if changed else "and nothing was ever tried"
        print(f"warning: {STORE} has changed {since}: `make torture` tries it anew", file=sys.stderr)


def cells(line: str) -> tuple[str, str] | None:
    """What a part's last words, `result: DID | LOST`, say; None for one that has said something else."""
    found = re.fullmatch(r"result: ([^|]*) \| ([^|]*)", line.strip())
    return (found[1], found[2]) if found else None


if __name__ == "__main__":
    main()
