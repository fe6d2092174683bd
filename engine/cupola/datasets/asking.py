"""Questions to data are answered by a process of their own, so that nobody else loads what reads it."""

import sys
from typing import Any

import msgspec

from cupola.errors import ErrorInfo, WorkFailed, from_info
from cupola.store import Store


def ask(store: Store, what: str, **about: Any) -> Any:
    """What `python -m cupola.datasets answer` says, which ends when this process does, or is interrupted.

    Raises what that raised; WorkFailed where it was killed.
    """
    import subprocess

    command = [sys.executable, "-m", "cupola.datasets", "answer"]
    request = msgspec.json.encode({"root": str(store.root), "what": what, **about}) + b"\n"
    child = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, cwd="/"
    )
    assert child.stdin and child.stdout and child.stderr
    try:
        child.stdin.write(request)
        child.stdin.flush()
        said = child.stdout.read()
        complaint = child.stderr.read().decode(errors="replace")
    finally:
        child.kill()
        child.wait()
    if not said:
        last = complaint.strip().rpartition("\n")[2] or "it was killed, perhaps for want of memory"
        raise WorkFailed(f"the process that was to answer ended early: {last}")
    answer = msgspec.json.decode(said)
    if "error" in answer:
        raise from_info(msgspec.convert(answer["error"], ErrorInfo))
    return answer["result"]
