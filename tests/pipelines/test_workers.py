"""What a worker says of a step."""

import errno
import io
import sys
from pathlib import Path

import pytest

from cupola.pipelines import workers
from cupola.pipelines.workers import Outcome, Say, Task


class Full(io.StringIO):
    """A log on a disk that is full."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_is_said_though_there_is_no_room_for_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def writes(task: Task, say: Say) -> Outcome:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(workers, "_log_to", lambda log: None)
    monkeypatch.setattr(sys, "stderr", Full())
    found = workers._tried(writes, tmp_path / "log.txt", Task(directory="d"), lambda said: None, [])
    assert found.error and found.error.message == "the disk is full"
    assert found.causes[0] == "disk" and "OSError" in found.causes
