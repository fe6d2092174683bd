"""A model behind an endpoint: the bytes of a request in, the bytes of its answer out."""

import sys
import traceback
from collections.abc import Callable, Iterator

from cupola.errors import Corrupt, CupolaError, WorkFailed
from cupola.registry import models
from cupola.registry.models import Model, Prediction
from cupola.runtimes import native
from cupola.runtimes.compiled import Compiled
from cupola.runtimes.native import Native
from cupola.runtimes.records import Report
from cupola.runtimes.runtime import Runtime
from cupola.runtimes.tables import Table
from cupola.serving import answers, payloads, streaming

SMALL = 256 * 1024  # bytes; a bigger body is worked on beside the event loop, so that pings are answered meanwhile


class Variant:
    """One model that requests may go to. `name` is the variant's, `label` says which model it is (churn@3-7f3a).

    shadow: the share of the requests that are copied to it, if it is a shadow. key: what tells it from the others.
    report: why it is run as it is.
    """

    def __init__(
        self,
        name: str,
        label: str,
        weight: float,
        model: Model | Runtime,
        shadow: float = 0.0,
        report: Report | None = None,
    ) -> None:
        self.name = name
        self.label = label
        self.weight = weight
        self.shadow = shadow
        self.report = report
        self.key = f"{name}={label}"
        self.runtime: Runtime = Native(model) if isinstance(model, Model) else model
        self.signature = model.signature
        self.classes = model.classes or model.signature.classes

    @property
    def alone(self) -> bool:
        """Whether the model sees each request by itself, and so what stands beside its rows: own Python does."""
        return isinstance(self.runtime, Native) and not self.runtime.by_row

    def answer(self, body: bytes, content_type: str, media: str) -> bytes:
        """The answer to a request's body as `media`. Raises BadInput for what the client got wrong."""
        return answers.encode(self.predict(self.table(body, content_type)), self.classes, media)

    def quickly(self, body: bytes, content_type: str) -> Prediction | None:
        """What the model says of one row as JSON where it is compiled; None for what has to be read as all else is."""
        if isinstance(self.runtime, Compiled) and content_type in payloads.JSON_TYPES:
            return self.runtime.quickly(body)
        return None

    def stream(
        self,
        body: bytes,
        content_type: str,
        media: str,
        told: dict[str, str] | None = None,
        first: Callable[[Prediction], None] = lambda _: None,
    ) -> Iterator[bytes]:
        """The same answer in parts, each made when it is asked for. Raises BadInput at once where the body is wrong.

        first: told what was predicted for the first rows, but for the parts that own Python makes.
        """
        rows = self.runtime.rows(self.table(body, content_type))
        if told is not None:
            rows.attrs.update(told)
        if isinstance(self.runtime, Native) and self.runtime.stream is not None:
            return map(streaming.own, self.runtime.stream(rows))
        return streaming.parts(lambda some: self.runtime.predict(rows[some]), len(rows), self.classes, media, first)

    def table(self, body: bytes, content_type: str) -> Table:
        """The rows of a request's body as they came. Raises BadInput."""
        return payloads.read(body, content_type, self.runtime.form)

    def predict(self, table: Table, told: dict[str, str] | None = None) -> Prediction:
        """What the model says of rows, and of what it is told beside them. Raises BadInput for values it cannot use."""
        return native.predicted(self.runtime.predict, self.runtime.rows(table), told)

    def rehearse(self) -> None:
        """Answers the sample that was stored with the model as it answers a client: what cannot work, or says something
        else than in training, fails before it is in service. Raises BadInput, Corrupt, WorkFailed.
        """
        if not self.runtime.sample:
            return
        import msgspec

        body = msgspec.json.encode({"dataframe_records": self.runtime.sample})
        try:
            prediction = self.predict(self.table(body, "application/json"))
        except CupolaError:
            raise
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            said = f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0][:300]}"
            raise WorkFailed(f"the model fails on its own sample: {said}", where=self.label) from error
        answers.encode(prediction, self.classes, answers.JSON)
        if self.runtime.answers is None:
            return
        row = models.first_difference(self.runtime.answers, models.answers_of(prediction))
        if row is not None:
            hint = "train it anew, or serve it with the packages that its model.json names"
            said = f"the model does not answer row {row + 1} of its sample as it did in training"
            raise Corrupt(said, where=self.label, hint=hint)
