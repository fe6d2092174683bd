"""A model behind an endpoint: the bytes of a request in, the bytes of its answer out."""

from cupola.errors import BadInput
from cupola.registry.models import Model
from cupola.serving import answers, payloads
from cupola.serving.frames import Frames

SMALL = 256 * 1024  # bytes; a bigger body is worked on beside the event loop, so that pings are answered meanwhile


class Variant:
    """One model that requests may go to. `name` is the variant's, `label` says which model it is (churn@3-7f3a)."""

    def __init__(self, name: str, label: str, weight: float, model: Model) -> None:
        self.name = name
        self.label = label
        self.weight = weight
        self._model = model
        self._frames = Frames(model.signature)
        self._classes = model.classes or model.signature.classes

    def answer(self, body: bytes, content_type: str, media: str) -> bytes:
        """The answer to a request's body as `media`. Raises BadInput for what the client got wrong."""
        table = payloads.read(body, content_type, self._frames.form)
        frame = self._frames.frame(table)
        try:
            prediction = self._model.predict(frame)
        except (ValueError, TypeError, OverflowError) as error:
            raise BadInput(
                f"the model cannot use these values: {str(error).strip().partition(chr(10))[0][:300]}"
            ) from error
        return answers.encode(prediction, self._classes, media)

    def rehearse(self) -> None:
        """Predicts the sample that was stored with the model: what cannot work fails before it is in service."""
        if self._model.sample:
            import msgspec

            self.answer(
                msgspec.json.encode({"dataframe_records": self._model.sample}), "application/json", answers.JSON
            )
