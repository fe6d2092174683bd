"""The agent's own process: `python -m cupola.agent [--foreground]`. It detaches itself, and says when it is ready.

`python -m cupola.agent stop [--jobs]` stops it from anywhere; `cupola agent stop` does it from a workspace.
"""

import contextlib
import os
import sys


def main() -> None:
    if sys.argv[1:2] == ["stop"]:
        from cupola.agent.stopping import stop

        stop(jobs="--jobs" in sys.argv[2:])
        return
    if "--foreground" in sys.argv[1:]:
        from cupola.agent.loop import run

        sys.exit(run(lambda: None))
    ready, say = os.pipe()
    if os.fork():
        os.close(say)
        os._exit(0 if os.read(ready, 1) else 1)
    os.setsid()
    if os.fork():
        os._exit(0)
    os.close(ready)
    from cupola.agent.loop import run

    def told() -> None:
        with contextlib.suppress(BrokenPipeError):  # whoever has started it was killed meanwhile
            os.write(say, b"1")

    sys.exit(run(told))


if __name__ == "__main__":
    main()
