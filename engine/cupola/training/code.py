"""The user's code as it was when a run was filed: the commit of its repository, and what was changed since."""

import os
import subprocess
from pathlib import Path

LARGEST = 1 << 20
PATIENCE = 20.0  # seconds for one answer of git, which a busy disk or a large repository may take


def of(*directories: Path) -> tuple[str | None, bool, bytes | None]:
    """Commit, whether tracked files differ from it (they may where git does not say in time), and the difference (None
    where there is none, or above 1 MB).

    Of the first directory that lies in a git repository; (None, False, None) where none does or git is not there.
    Untracked files are left alone: they may hold what nobody meant to keep.
    """
    for directory in directories:
        commit = git(directory, "rev-parse", "--verify", "HEAD")
        if commit:
            patch = git(directory, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "--binary", "HEAD")
            return commit.decode().strip(), patch != b"", patch if patch and len(patch) <= LARGEST else None
    return None, False, None


def git(directory: Path, *words: str) -> bytes | None:
    """What git says; nothing that a repository's own configuration names is run."""
    command = ["git", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C", str(directory), *words]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"}
    try:
        ended = subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE, env=environment)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ended.stdout if ended.returncode == 0 else None
