"""A fitted pipeline made into a program: its preparation as lookups and arithmetic, its estimator as numbers."""

import warnings
from typing import Any

import numpy as np

from cupola.registry.chains import Chain
from cupola.registry.models import Model
from cupola.registry.signature import SignatureColumn
from cupola.runtimes import ensembles, families, flows, trials
from cupola.runtimes.columns import EPOCH, MICROSECOND, UNITS, is_boolean, is_numeric
from cupola.runtimes.families import Uncompilable
from cupola.runtimes.program import (
    Calibration,
    Calibrator,
    Encoder,
    Lookup,
    Moment,
    Number,
    Program,
    Prose,
    Several,
)
from cupola.training import flowing, preparation
from cupola.training.blending import BlendedClasses, BlendedNumbers
from cupola.training.deciding import Decided
from cupola.training.effects import Effects
from cupola.training.flowing import Flowing
from cupola.training.mixing import Mixed
from cupola.training.preparation import Preparation
from cupola.training.texts import Texts


def compiled(model: Model) -> Program:
    """The program of a model. Raises Uncompilable with one sentence on why there is none."""
    if isinstance(model, Chain):
        raise Uncompilable("it is a chain, whose members are asked one after the other")
    flow, prepare, estimator = _steps(model.pipeline)
    decided = mixed = calibration = None
    if isinstance(estimator, Decided):
        decided, estimator = estimator.threshold, estimator.estimator
    blend = estimator if isinstance(estimator, BlendedClasses | BlendedNumbers) else None
    if prepare.style == "raw" and not blend:
        raise Uncompilable("its estimator prepares the columns by itself")
    before = None
    if flow is not None:
        kinds = dict(prepare.columns)
        wanted = [(name, kinds[name]) for name in prepare.encoders_]
        before = flows.before(flow.fitted, flow.served.takes, wanted, model.signature)
    columns = before.columns if before else model.signature.columns
    if list(prepare.encoders_) != [one.name for one in columns]:
        raise Uncompilable("its preparation takes other columns than its signature names")
    encoders, numbers = _encoders(blend.preparations if blend else [prepare], columns)
    if isinstance(estimator, Mixed):
        mixed, estimator = (estimator.trust, estimator.shares.tolist()), estimator.estimator
    if type(estimator).__name__ == "CalibratedClassifierCV":
        calibration, estimator = _calibration(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        family = ensembles.blended(blend, numbers) if blend else families.of(estimator)
    if calibration and family.chosen == "paired":
        raise Uncompilable("it is calibrated by scores of pairs of classes")
    if family.link == "none" and (mixed or decided is not None):
        raise Uncompilable("its probabilities are made in a way that is not known here")
    return Program(
        signature=model.signature,
        sample=model.sample,
        answers=model.answers,
        encoders=encoders,
        scorer=family.scorer,
        link=family.link,
        chosen=family.chosen,
        classes=model.classes if model.classes is not None else family.classes,
        isolation=family.isolation,
        calibration=calibration,
        mixed=mixed,
        threshold=decided,
        before=before,
    )


def _steps(pipeline: Any) -> tuple[Flowing | None, Preparation, Any]:
    flow, rest = flowing.apart(pipeline)
    steps = [step for _, step in getattr(rest, "steps", [])]
    if len(steps) != 2 or not isinstance(steps[0], Preparation):
        raise Uncompilable("its pipeline was not made by `cupola train`")
    return flow, steps[0], steps[1]


def _encoders(
    preparations: list[Preparation], columns: list[SignatureColumn]
) -> tuple[list[Encoder], list[list[int] | None]]:
    """What makes numbers of each column, and which of these are those of each preparation; None for all."""
    encoders: list[Encoder] = []
    places: list[dict[str, list[int]]] = [{} for _ in preparations]
    at = 0
    for column in columns:
        parts = []
        for one, mine in zip(preparations, places, strict=True):
            if column.name in one.encoders_:
                part = _encoder(one.encoders_[column.name], column)
                mine[column.name] = list(range(at, at := at + trials.width(part)))
                parts.append(part)
        encoders.append(parts[0] if len(parts) == 1 else Several(parts))
    if len(preparations) == 1:
        return encoders, [None]
    return encoders, [
        [place for name in one.encoders_ for place in mine[name]]
        for one, mine in zip(preparations, places, strict=True)
    ]


def _encoder(encoder: Any, column: SignatureColumn) -> Number | Lookup | Moment | Prose:
    if isinstance(encoder, preparation.Numbers):
        if not (is_numeric(column) or is_boolean(column)):
            raise Uncompilable(f"the column {column.name!r} holds numbers as {column.dtype}")
        return _number(encoder)
    if isinstance(encoder, preparation.Dates):
        if column.dtype.startswith("datetime64[") and not column.dtype.startswith(
            tuple(f"datetime64[{one}" for one in UNITS)
        ):
            raise Uncompilable(f"the column {column.name!r} holds times as {column.dtype}")
        start = (np.datetime64(encoder.start, "us").item() - EPOCH) // MICROSECOND
        return Moment(start, {part: _number(one) for part, one in encoder.parts.items()})
    if isinstance(encoder, preparation.Categories | Effects):
        if column.dtype in ("float32", "float16", "category"):
            raise Uncompilable(f"the column {column.name!r} holds categories as {column.dtype}")
        return _places(encoder) if isinstance(encoder, preparation.Categories) else _effects(encoder)
    if isinstance(encoder, Texts):
        return Prose(encoder.kept.tolist(), encoder.rarity.tolist(), encoder.binned, encoder.positive, encoder.flag)
    raise Uncompilable(f"the column {column.name!r} is prepared in a way that is not known here")


def _number(encoder: preparation.Numbers) -> Number:
    edges = None if encoder.edges is None else encoder.edges.tolist()
    fill = None if encoder.fill is None else float(encoder.fill)
    return Number(fill, float(encoder.center), float(encoder.scale), encoder.clip, encoder.flag, edges)


def _places(encoder: preparation.Categories) -> Lookup:
    other = len(encoder.kept)
    if encoder.coded:
        missing = float("nan") if encoder.gaps else float(other + 1)
        known = {key: [float(place)] for place, key in enumerate(encoder.kept)}
        return Lookup(known, [missing], [float(other)])
    extra = [other] * encoder.rare + [other + 1] * encoder.missing
    columns = [*range(other), *extra]

    def flags(place: int) -> list[float]:
        return [float(one == place) for one in columns]

    known = {key: flags(place) for place, key in enumerate(encoder.kept)}
    return Lookup(known, flags(other + 1), flags(other))


def _effects(encoder: Effects) -> Lookup:
    *known, missing, other = (encoder.values / encoder.spread).tolist()
    return Lookup(dict(zip(encoder.kept, known, strict=True)), missing, other)


def _calibration(estimator: Any) -> tuple[Calibration, Any]:
    if len(estimator.calibrated_classifiers_) != 1:
        raise Uncompilable("it is calibrated by several estimators at once")
    [one] = estimator.calibrated_classifiers_
    curves = []
    for each in one.calibrators:
        if type(each).__name__ == "_SigmoidCalibration":
            curves.append(Calibrator(float(each.a_), float(each.b_)))
        elif hasattr(each, "X_thresholds_"):
            curves.append(Calibrator(xs=each.X_thresholds_.tolist(), ys=each.y_thresholds_.tolist()))
        else:
            raise Uncompilable(f"its calibration ({type(each).__name__}) is not known here")
    return Calibration(curves, hasattr(one.estimator, "decision_function")), one.estimator
