"""A staged version, tried in a process of its own: what it says of its sample, before it is a version."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from cupola.errors import BadInput

PATIENCE = 300.0  # seconds to load and to answer the sample


def answer(staged: Path, hashes: Mapping[str, str] | None = None, *, hint: str | None = None) -> None:
    """Lets it answer its sample, as a server would; the answers are among the files afterwards.

    hashes: the sha256 of the files of a chain's members. Raises BadInput with what went wrong.
    """
    command = [sys.executable, "-P", "-m", "cupola.registry", str(staged)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    given = msgspec.json.encode(hashes or {}).decode()
    try:
        ended = subprocess.run(
            command,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
            env=environment,
            cwd=staged,
        )
    except subprocess.TimeoutExpired:
        raise BadInput(f"it did not answer the sample in {PATIENCE:.0f} s") from None
    if ended.returncode:
        why = (ended.stderr.strip().splitlines() or ["it ended without a word"])[-1]
        raise BadInput(why[:500], hint=hint)
