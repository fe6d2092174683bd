"""A model is rehearsed before it serves: the answers to its sample are those of its training."""

import msgspec
import pytest

from cupola.errors import Corrupt, WorkFailed
from cupola.registry import models
from cupola.registry.models import Answers, Model
from cupola.serving.scoring import Variant


def rehearsed(model: Model, answers: Answers | None) -> None:
    tried = Model(model.pipeline, model.signature, model.sample, answers)
    Variant("a", "late@1-7f3a", 1.0, tried).rehearse()


def right(model: Model) -> Answers:
    """The answers to its sample, from the rows as a client would send them."""
    variant = Variant("a", "late@1-7f3a", 1.0, model)
    body = msgspec.json.encode({"dataframe_records": model.sample})
    return models.answers_of(variant.predict(variant.table(body, "application/json")))


def test_the_answers_of_the_training_are_given(classifier: Model, regressor: Model) -> None:
    for model in (classifier, regressor):
        rehearsed(model, right(model))
        rehearsed(model, None)


def test_another_answer_is_found_and_the_row_is_named(classifier: Model, regressor: Model) -> None:
    said = right(regressor)
    with pytest.raises(Corrupt, match="row 3 of its sample"):
        rehearsed(regressor, Answers([*said.values[:2], said.values[2] + 0.01, *said.values[3:]]))
    probable = right(classifier)
    assert probable.probabilities
    turned = [row[::-1] for row in probable.probabilities]
    with pytest.raises(Corrupt, match="row 1 of its sample"):
        rehearsed(classifier, Answers(probable.values, turned))


def test_own_code_that_fails_is_told_in_a_sentence(regressor: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    def predict(frame: object) -> None:
        raise KeyError("weights")

    variant = Variant("a", "own@1-7f3a", 1.0, regressor)
    monkeypatch.setattr(variant.runtime, "predict", predict)
    with pytest.raises(WorkFailed, match="fails on its own sample: KeyError: 'weights'"):
        variant.rehearse()


def test_a_rounding_of_another_processor_is_no_difference(classifier: Model) -> None:
    said = right(classifier)
    assert said.probabilities
    rounded: list[list[float | None]] = [
        [value * (1 + 1e-9) for value in row if value is not None] for row in said.probabilities
    ]
    rehearsed(classifier, Answers(["another" for _ in said.values], rounded))


def test_answers_that_do_not_fit_the_model_are_a_difference(classifier: Model, regressor: Model) -> None:
    for model, wrong in ((regressor, Answers([])), (regressor, Answers(["yes"] * 5)), (classifier, right(regressor))):
        with pytest.raises(Corrupt, match="row 1 of its sample"):
            rehearsed(model, wrong)


def test_missing_numbers_are_alike() -> None:
    one = Answers([1.0, float("nan")])
    assert models.first_difference(one, msgspec.json.decode(msgspec.json.encode(one), type=Answers)) is None
    assert models.first_difference(one, Answers([1.0, 2.0])) == 1
