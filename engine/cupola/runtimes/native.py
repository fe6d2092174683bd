"""The native runtime: rows as they came to a frame, and that to the fitted pipeline."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from cupola.errors import BadInput
from cupola.registry.models import Model, Prediction
from cupola.runtimes.frames import Frames
from cupola.runtimes.tables import Table


class Native:
    """A model that its own library runs."""

    name = "native"

    def __init__(self, model: Model) -> None:
        self.signature, self.sample, self.answers = model.signature, model.sample, model.answers
        self.classes = model.classes
        self.by_row, self.stream = model.by_row, model.stream
        self._model = model
        self.frames = Frames(model.signature)
        self.form = self.frames.form

    def rows(self, table: Table) -> pd.DataFrame:
        """The rows of a table as a frame. Raises BadInput naming the column, and the row of a value at fault."""
        return self.frames.frame(table)

    def predict(self, frame: pd.DataFrame) -> Prediction:
        """What the model says of a frame. Raises BadInput for values that it cannot use."""
        try:
            return self._model.predict(frame)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadInput(
                f"the model cannot use these values: {str(error).strip().partition(chr(10))[0][:300]}"
            ) from error


def predicted(predict: Callable[[Any], Prediction], frame: Any, told: dict[str, str] | None) -> Prediction:
    """The prediction of a frame in whose `attrs` the model finds what it is told, and puts what it answers."""
    if told is None:
        return predict(frame)
    frame.attrs.update(told)
    found = predict(frame)
    told.update(frame.attrs)
    return found
