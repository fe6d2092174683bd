"""`python -m cupola.flows run`: a flow as a job; `preview`: the companion that shows what steps do to a sample."""

import sys

from cupola.errors import Usage
from cupola.jobs import attempt


def main(arguments: list[str]) -> None:
    if arguments == ["run"]:
        from cupola.flows import running

        attempt.work(running.work)
    elif arguments == ["preview"]:
        from cupola.flows import showing

        showing.serve(sys.stdin.buffer, sys.stdout.buffer)
    else:
        raise Usage("`cupola flow` starts this; it takes `run` or `preview`")


if __name__ == "__main__":
    main(sys.argv[1:])
