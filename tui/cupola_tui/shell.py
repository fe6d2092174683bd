"""A command line of `cupola`, run in a process of its own: what it says is shown, what it breaks is not the screen."""

import asyncio
import os
import shlex
import sys

from cupola import place


async def run(text: str, root: str, *, readonly: bool, quiet: bool) -> tuple[str, bool]:
    """What the command said, and whether it failed. Raises ValueError for quotes that do not close."""
    options = ["-C", root, *["--readonly"] * readonly, *["--quiet"] * quiet]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "cupola_tui", *options, *shlex.split(text)),
        cwd="/",
        env=os.environ | {place.VARIABLE: str(place.here())},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return output.decode(errors="replace").strip(), process.returncode != 0
