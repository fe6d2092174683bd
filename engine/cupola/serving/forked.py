"""What a process that a keeper has just forked does first and last."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn

from cupola.jobs.child import PR_SET_PDEATHSIG, libc


def run(keeper: int, work: Callable[[], int]) -> NoReturn:
    """Turns this process into `work`, and ends it with what that gives; it dies with its keeper (see `outlive`)."""
    code = 1
    try:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != keeper:
            os._exit(0)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = work()
    except BaseException:  # noqa: BLE001  the last who can say it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def outlive() -> None:
    """From now on this process goes on when its keeper is killed."""
    libc.prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0)
