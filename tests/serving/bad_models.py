"""Estimators that answer the sample of their training well, and what clients ask badly."""

import time
from pathlib import Path
from typing import Any

import numpy as np

ASKED = 812.25  # the distance in what the tests ask, and in no row of the sample


class Good:
    """As an estimator of the classes no and yes."""

    classes_ = np.array(["no", "yes"])

    def predict(self, frame: Any) -> Any:
        return self.classes_[self.predict_proba(frame).argmax(axis=1)]

    def predict_proba(self, frame: Any) -> Any:
        self.consider(frame)
        return np.tile([0.1, 0.9], (len(frame), 1))

    def consider(self, frame: Any) -> None:
        """What is wrong with one of them."""


class Failing(Good):
    def consider(self, frame: Any) -> None:
        if (frame["distance"] == ASKED).any():
            raise RuntimeError("no")


class Slow(Good):
    def consider(self, frame: Any) -> None:
        if (frame["distance"] == ASKED).any():
            time.sleep(0.4)


class Nonsense(Good):
    def predict_proba(self, frame: Any) -> Any:
        share = np.where(frame["distance"] == ASKED, 0.01, 0.9)
        return np.column_stack([1 - share, share])


class Sleepy(Good):
    """Loads when a file is there."""

    gate = ""

    def __reduce__(self) -> Any:
        return _loaded_after, (self.gate,)


def _loaded_after(gate: str) -> Good:
    while not Path(gate).exists():
        time.sleep(0.02)
    return Good()


class Dying(Good):
    def consider(self, frame: Any) -> None:
        if (frame["distance"] == ASKED).any():
            import os

            os.abort()
