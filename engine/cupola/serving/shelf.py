"""The other models of an endpoint, which a request names by `X-Amzn-SageMaker-Target-Model`.

Each is loaded when it is first asked for; the one that was not asked for the longest goes when there is no room.
"""

import ctypes
import gc
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

from cupola.errors import Ambiguous, BadInput, BadName, CupolaError, NotFound, Refused
from cupola.jobs import memory
from cupola.registry.records import ModelState
from cupola.serving.records import Targets
from cupola.serving.scoring import Variant

FRESH = 10.0  # seconds after which it is looked up again which version a name means


class Book:
    """A model on the shelf. size: the bytes by which this process has grown with it, at least those of its files."""

    def __init__(self, variant: Variant, size: int) -> None:
        self.variant = variant
        self.size = size


class Shelf:
    """find: the version that a reference means, if it may be served. load: makes it answer requests.

    `variant` reads files and loads: beside the event loop, by one thread.
    """

    def __init__(
        self, root: Path, targets: Targets, find: Callable[[str], ModelState], load: Callable[[ModelState], Variant]
    ) -> None:
        self._root = root
        self._targets = targets
        self._find = find
        self._load = load
        self._books: OrderedDict[str, Book] = OrderedDict()
        self._meant: dict[str, tuple[float, str]] = {}

    def at_hand(self, target: str) -> Variant | None:
        """The model that a target means, if it is loaded and was looked up lately."""
        at, ref = self._meant.get(target, (0.0, ""))
        if time.monotonic() - at > FRESH or ref not in self._books:
            return None
        self._books.move_to_end(ref)
        return self._books[ref].variant

    def variant(self, target: str) -> Variant:
        """The model that a target means, loaded. Raises BadInput where this endpoint serves none of that name."""
        if found := self.at_hand(target):
            return found
        version = self._version(target)
        if len(self._meant) > 4 * len(self._books) + 100:
            self._meant.clear()
        self._meant[target] = time.monotonic(), version.ref
        if version.ref not in self._books:
            self._put(version)
        self._books.move_to_end(version.ref)
        return self._books[version.ref].variant

    def _version(self, target: str) -> ModelState:
        none = BadInput(f"this endpoint serves no model {target[:100]!a}")
        if not any(fnmatchcase(target.partition("@")[0], one) for one in self._targets.models):
            raise none
        try:
            return self._find(target)
        except (NotFound, Ambiguous, BadName):
            raise none from None
        except Refused as error:
            raise BadInput(error.message) from None

    def _put(self, version: ModelState) -> None:
        before = memory.resident(os.getpid())
        try:
            variant = self._load(version)
        except CupolaError as error:
            raise BadInput(f"{version.ref} cannot be served: {error.message}") from error
        files = sum((self._root / version.directory / name).stat().st_size for name in version.files)
        self._books[version.ref] = Book(variant, max(memory.resident(os.getpid()) - before, files))
        del variant
        gone = False
        while sum(one.size for one in self._books.values()) > self._targets.memory and len(self._books) > 1:
            self._books.popitem(last=False)
            gone = True
        if gone:
            gc.collect()
            ctypes.CDLL(None).malloc_trim(0)  # else the next would seem to need no memory
