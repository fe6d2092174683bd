"""How soon keys have their effect on the screen while the mount of the workspace does not answer; reach: 100 ms.

Real keys in a pty, the app on a real SSHFS mount whose far side is stopped for 30 s. A key has had its effect when what
it shows is on the screen, as an emulated terminal draws it (which is a part of the time).
"""

import re
import time

from tests.faults.sshfs import Mounts, mounted
from tests.terminal import Seen

from benchmarks.measure import Figure, machine, report
from benchmarks.workspaces import homes
from cupola.workspace import Workspace

SECONDS = 30.0
APP = "import sys, cupola_tui.app as app; sys.exit(app.run({root!r}))"
# A key, and what is to be seen when it has had its effect; the last one closes what the one before has opened.
ROUND = (("1", "imports a CSV"), ("?", "Keys in datasets"), ("q", "immutable versions"), ("3", "runs any command"))


def pressed(screen: Seen, seconds: float) -> list[float]:
    """Milliseconds that each key took, round after round."""
    found: list[float] = []
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        for key, shown in ROUND:
            time.sleep(0.2)
            screen.until(lambda text, shown=shown: not re.search(shown, text))  # type: ignore[misc]
            moment = time.monotonic()
            screen.press(key, shown)
            found.append((time.monotonic() - moment) * 1000)
    return found


def measured(mounts: Mounts) -> tuple[list[float], list[float]]:
    """The same while the mount answers, and while it does not."""
    screen = Seen(APP.format(root=str(mounts.a)))
    try:
        screen.shows("no agent")
        screen.press("3", "runs any command")
        answering = pressed(screen, 10)
        mounts.stall(mounts.a)
        silent = pressed(screen, SECONDS)
        screen.shows("the mount has not answered for [0-9]")
        mounts.resume(mounts.a)
        screen.shows("no agent")
    finally:
        screen.close()
    return answering, silent


def main() -> None:
    machine("textual")
    with homes() as home, mounted(home) as mounts:
        Workspace.init(mounts.served)
        answering, silent = measured(mounts)
    report(
        f"Keys while a mount does not answer for {SECONDS:.0f} s",
        [Figure(name="the mount answers", values=answering), Figure(name="it does not", values=silent)],
        [
            ("does not answer: median / 100 ms", sorted(silent)[len(silent) // 2] / 100, "at most 1"),
            ("does not answer: longest / 100 ms", max(silent) / 100, "at most 1"),
        ],
    )
