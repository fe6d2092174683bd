"""Opens the screen on a directory: first the process that reads it, then Textual, then everything else."""

import gc
import os
import sys
from pathlib import Path


def run(path: str | Path, readonly: bool = False) -> int:
    """Shows the workspace at `path` till the user leaves; the exit status. Needs a terminal on both sides."""
    from cupola.errors import Usage
    from cupola_tui.guard import Guard, end_with_terminal
    from cupola_tui.live import Bridge

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise Usage("the screen needs a terminal", hint="`cupola --help` lists the commands that need none")
    root = os.path.abspath(path)  # noqa: PTH100 - resolving would touch a mount that may hang
    _be_gentle()
    guard = Guard()
    guard.start()
    bridge = Bridge(root, readonly)
    bridge.start()
    try:
        # Only now: the workspace is being read while Textual is imported. What is imported stays: to look it through
        # for garbage costs time now, and later 50 ms of a key now and then.
        gc.disable()
        from cupola_tui.studio import Studio

        gc.freeze()
        # The oldest garbage is looked for ten times less often than by default: with 10,000 records it takes 20 ms of
        # a key, and after sixteen moves of the cursor Python would do it again.
        gc.set_threshold(*gc.get_threshold()[:2], 100)
        gc.enable()
        end_with_terminal()
        studio = Studio(bridge, root, readonly)
        studio.run()
        guard.goodbye()
        if studio.parting:
            print(studio.parting)
        return studio.return_code or 0
    finally:
        bridge.close()


def _be_gentle() -> None:
    """Over a slow link: no animation and 15 frames a second. Textual reads this when it is imported."""
    if os.environ.get("SSH_CONNECTION"):
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
        os.environ.setdefault("TEXTUAL_FPS", "15")
        os.environ.setdefault("TEXTUAL_SMOOTH_SCROLL", "0")
