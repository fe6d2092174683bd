"""One process that watches a workspace: `python -m benchmarks.watcher ROOT PATH`.

A line for each revision of the record at PATH that it has read after the watcher told of it: revision and moment.
"""

import sys
import threading
import time

from cupola.store import Store, records
from cupola.store.watch import watch


def main() -> None:
    store = Store.open(sys.argv[1])
    seen = 0
    for changes in watch(store, threading.Event()):
        if not seen:
            print("watching", flush=True)
            seen = 1
        if any(one.path == sys.argv[2] for one in changes):
            found = records.read(store, sys.argv[2], records.Record)
            if found.revision > seen:
                seen = found.revision
                print(seen, time.monotonic(), flush=True)


if __name__ == "__main__":
    main()
