"""What every runtime has, whatever runs the model behind it."""

from typing import Any, Protocol

from cupola.registry.models import Answers, Prediction
from cupola.registry.signature import Signature
from cupola.runtimes.tables import Form, Table


class Runtime(Protocol):
    """A model ready to answer.

    name: "compiled" or "native". sample, answers: the rows that were stored with it, and what it said of them then.
    classes: in the order of its probabilities; form: what the rows of a CSV may look like.
    """

    name: str
    signature: Signature
    sample: list[dict[str, Any]]
    answers: Answers | None
    classes: list[Any] | None
    form: Form

    def rows(self, table: Table) -> Any:
        """The rows of a table as the model takes them. Raises BadInput naming the column, and the row of a value."""

    def predict(self, rows: Any) -> Prediction:
        """What the model says of such rows. Raises BadInput for values that it cannot use."""
