"""Real file systems that are small or read-only, for tests that run as root."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def small(point: Path, size: str = "256k") -> Iterator[Path]:
    """A file system of that size at `point`. Skips the test where one may not mount; on CI, that is a failure."""
    point.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "cupola-test", point], capture_output=True)
    if mounted.returncode:
        say = pytest.fail if os.environ.get("CI") == "true" and os.geteuid() == 0 else pytest.skip
        say(f"a file system cannot be mounted here: {mounted.stderr.decode(errors='replace').strip()}")
    try:
        yield point
    finally:
        subprocess.run(["umount", "-l", point], check=True)


def fill(point: Path, left: int = 0) -> Path:
    """Fills the file system but for `left` bytes; removing the file that it gives makes room again."""
    ballast = point / "ballast"
    with ballast.open("wb", buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(bytes(4096))
        file.truncate(max(0, file.tell() - left))
    return ballast


def remount(point: Path, how: str) -> None:
    """Makes it read-only ("ro", once nobody has a file open for writing) or writable ("rw")."""
    deadline = time.monotonic() + 180
    while (done := subprocess.run(["mount", "-o", f"remount,{how}", point], capture_output=True)).returncode:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.02)
