"""The compiled runtime: rows as they came to a matrix of float64, and that to what is said of them."""

import operator
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cupola.errors import BadInput
from cupola.registry.models import Prediction
from cupola.registry.signature import PLAIN
from cupola.runtimes import columns, outcomes
from cupola.runtimes.flows import Rows
from cupola.runtimes.onerow import OneRow
from cupola.runtimes.program import Program
from cupola.runtimes.tables import Columns, Table
from cupola.runtimes.values import Misfit

Floats = NDArray[np.float64]
first = operator.itemgetter(0)


class Compiled:
    """A program that is run; it answers as the model that it was made from."""

    name = "compiled"

    def __init__(self, program: Program) -> None:
        signature = program.signature
        self.signature, self.sample, self.answers = signature, program.sample, program.answers
        self.classes = program.classes if signature.task == "classification" else None
        self._columns = Columns(signature)
        self.form = self._columns.form
        self._flow = Rows(program.before, signature) if program.before else None
        writing = PLAIN if self._flow else signature.writing
        self._encoders = [
            columns.encoding(column, writing, encoder)
            for column, encoder in zip(program.columns, program.encoders, strict=True)
        ]
        self.predict = outcomes.prediction(program)
        self._reader = OneRow(signature)

    def rows(self, table: Table) -> Floats:
        """The rows of a table as numbers. Raises BadInput naming the column, and the row of a value at fault."""
        found = self._columns.of(table)
        try:
            if table.rows == 1:
                return self._one(list(map(first, found)))
            if self._flow:
                return np.concatenate([self._one(row) for row in zip(*found, strict=True)])
            blocks = [[encode(value) for value in values] for encode, values in zip(self._encoders, found, strict=True)]
        except Misfit as misfit:
            raise self._blamed(found, misfit) from None
        return np.concatenate([np.array(block, dtype=np.float64) for block in blocks], axis=1)

    def quickly(self, body: bytes) -> Prediction | None:
        """What is said of a JSON body that holds one row; None where it has to be read as others are, and judged."""
        values = self._reader.values(body)
        if values is None:
            return None
        try:
            return self.predict(self._one(values))
        except (Misfit, BadInput):
            return None

    def _one(self, values: Sequence[object]) -> Floats:
        numbers: list[float] = []
        if self._flow:
            values = self._flow.of(values)
        for encode, value in zip(self._encoders, values, strict=True):
            numbers += encode(value)
        return np.array([numbers])

    def _blamed(self, found: list[list[object]], misfit: Misfit) -> BadInput:
        """The error of a value that does not fit, with its row and its column."""
        if self._flow:
            for row, raw in enumerate(zip(*found, strict=True), start=1):
                if blamed := self._flow.blamed(raw):
                    return BadInput(f"row {row}, column {blamed[0]!r}: {blamed[1]}")
            return BadInput(str(misfit))
        for encode, values, name in zip(self._encoders, found, self._columns.names, strict=True):
            for row, value in enumerate(values, start=1):
                try:
                    encode(value)
                except Misfit as again:
                    return BadInput(f"row {row}, column {name!r}: {again}")
        return BadInput(str(misfit))
