"""A chain: versions one after the other as one model. What a member says becomes columns of those after it.

A version that is a chain holds all files of its members, below members/1, members/2, and chain.json, which says which
columns of each come from the members before it; all others are those of a request.
"""

import contextlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pandas as pd

from cupola.errors import BadInput, Corrupt, CupolaError, WorkFailed, from_info
from cupola.registry import models
from cupola.registry.contents import CHAIN, MEMBERS
from cupola.registry.models import Answers, Model, Prediction
from cupola.registry.records import Member
from cupola.registry.signature import Signature, SignatureColumn
from cupola.runtimes.frames import Frames

ALIKE = {"integer": "number", "category": "text"}  # a column may be the one for one member and the other for another


class Link:
    """A member in its place. given: its columns that members before it give."""

    def __init__(self, number: int, member: Member, model: Model) -> None:
        self.model, self.given = model, member.given
        self.name = member.model.partition("@")[0]
        self.label = label(number, member.model)
        self.columns = model.signature.columns
        self.frames = Frames(model.signature)

    def frame(
        self, outside: Mapping[str, Any], given: Mapping[str, list[Any]], told: Mapping[Any, Any]
    ) -> pd.DataFrame:
        """Its rows: of the columns from outside as they are, of the others as a request's would be made; and beside
        them what it is told.

        Raises WorkFailed for what members before it have not given, or not as it can be taken.
        """
        found = {}
        for one in self.columns:
            if one.name not in self.given:
                found[one.name] = outside[one.name]
            elif one.name in given:
                try:
                    found[one.name] = self.frames.column(one.name, given[one.name])
                except BadInput as error:
                    raise WorkFailed(f"it cannot take what a member before it has given: {error.message}") from error
            else:
                raise WorkFailed(f"no member before it has given {one.name!r}")
        rows = pd.DataFrame(found, copy=False)
        rows.attrs.update(told)
        return rows

    def said(self, prediction: Prediction) -> dict[str, list[Any]]:
        """What it says as columns: by their names, and with its own name before them."""
        values = prediction.values
        if values.dtype == object and all(isinstance(one, dict) for one in values):
            names = dict.fromkeys(name for one in values for name in one)
            found = {name: [_plain(one.get(name)) for one in values] for name in names}
        else:
            found = {"prediction": [_plain(one) for one in values.tolist()]}
        if prediction.probabilities is not None:
            classes = self.model.classes or self.model.signature.classes or []
            shares = prediction.probabilities.T.tolist()
            found |= {f"probability_{one}": share for one, share in zip(classes, shares, strict=True)}
        if prediction.scores is not None:
            found["score"] = prediction.scores.tolist()
        return found | {f"{self.name}_{name}": column for name, column in found.items()}


class Chain(Model):
    """A model that asks its members by turns; what the last one says is its answer.

    Errors say which member they are of.
    """

    def __init__(
        self, links: list[Link], signature: Signature, sample: list[dict[str, Any]], answers: Answers | None = None
    ) -> None:
        super().__init__(links, signature, sample, answers, by_row=all(one.model.by_row for one in links))
        self._links, self._last = links[:-1], links[-1]
        self.classes, self.scored = self._last.model.classes, self._last.model.scored
        self.stream = self._stream if self._last.model.stream else None
        own = {one.name: one.dtype for one in signature.columns}
        self._otherwise = [
            {one.name for one in link.columns if one.name not in link.given and one.dtype != own[one.name]}
            for link in links
        ]

    def predict(self, frame: pd.DataFrame) -> Prediction:
        rows = self._rows_of_last(frame)
        with _naming(self._last):
            found = self._last.model.predict(rows)
        frame.attrs.update(rows.attrs)
        return found

    def _stream(self, frame: pd.DataFrame) -> Iterator[Any]:
        rows = self._rows_of_last(frame)
        assert self._last.model.stream is not None
        with _naming(self._last):
            yield from self._last.model.stream(rows)

    def _rows_of_last(self, frame: pd.DataFrame) -> pd.DataFrame:
        """What the last member is asked, once all before it have answered."""
        told = dict(frame.attrs)
        given: dict[str, list[Any]] = {}
        for link, otherwise in zip([*self._links, self._last], self._otherwise, strict=True):
            with _naming(link):
                outside: dict[str, Any] = {name: frame[name] for name in frame.columns}
                for name in otherwise:  # it was fitted on another type of the column than the first that takes it
                    outside[name] = link.frames.column(name, [_plain(one) for one in frame[name].tolist()])
                rows = link.frame(outside, given, told)
                if link is not self._last:
                    given |= link.said(link.model.predict(rows))
                    told.update(rows.attrs)
        return rows


def label(number: int, ref: str) -> str:
    """How errors call a member."""
    return f"member {number}, {ref.rpartition('-')[0]}"


@contextlib.contextmanager
def _naming(link: Link) -> Iterator[None]:
    """Says of what goes wrong inside which member it is. Raises BadInput for values that it cannot use, WorkFailed for
    what its own code does wrong, which is told to the log.
    """
    try:
        yield
    except CupolaError as error:
        raise _named(link.label, error) from error
    except (ValueError, TypeError, OverflowError) as error:
        said = str(error).strip().partition("\n")[0][:300]
        raise BadInput(f"{link.label}: it cannot use these values: {said}") from error
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        raise WorkFailed(f"{link.label}: it failed on these rows; the log says how") from error


def load(
    data: Mapping[str, bytes],
    hashes: Mapping[str, str],
    directory: Path,
    signature: Signature,
    sample: list[dict[str, Any]],
    answers: Answers | None,
    *,
    pickle_trusted: bool,
) -> Chain:
    """The chain of a version's files. Raises Corrupt, and what `models.load` raises, naming the member."""
    try:
        named = msgspec.json.decode(data[CHAIN], type=list[Member])
    except msgspec.MsgspecError as error:
        raise Corrupt(f"{CHAIN} cannot be read: {error}", where=str(directory)) from None
    if len(named) < 2:
        raise Corrupt(f"{CHAIN} names no two members", where=str(directory))
    found = members(data, hashes, directory, named, pickle_trusted=pickle_trusted)
    links = [Link(number, *both) for number, both in enumerate(zip(named, found, strict=True), 1)]
    return Chain(links, signature, sample, answers)


def members(
    data: Mapping[str, bytes],
    hashes: Mapping[str, str],
    directory: Path,
    named: list[Member],
    *,
    pickle_trusted: bool,
) -> list[Model]:
    """The models of a chain's members, out of its files."""
    found = []
    for number, member in enumerate(named, 1):
        below = f"{MEMBERS}/{number}/"
        mine = {name.removeprefix(below): name for name in data if name.startswith(below)}
        try:
            model = models.of(
                {name: data[path] for name, path in mine.items()},
                {name: hashes[path] for name, path in mine.items()},
                directory / below,
                pickle_trusted=pickle_trusted,
            )
        except CupolaError as error:
            raise _named(label(number, member.model), error) from error
        found.append(model)
    return found


class Joined(NamedTuple):
    """What comes of the members of a new chain: which columns each is given, and what the chain takes."""

    members: list[Member]
    signature: Signature
    sample: list[dict[str, Any]]
    answers: Answers


def joined(named: list[Member], found: list[Model]) -> Joined:
    """Puts models together as a chain, by asking them by turns for their own sample.

    Raises BadInput where they do not fit: two take a column as different things, what one says is taken by nobody, or
    one cannot take what another has said.
    """
    links = [Link(number, *both) for number, both in enumerate(zip(named, found, strict=True), 1)]
    sample: list[dict[str, Any]] = [{} for _ in range(min((len(one.sample) for one in found if one.sample), default=0))]
    outside: dict[str, tuple[SignatureColumn, Link]] = {}
    given: dict[str, list[Any]] = {}
    told: dict[Any, Any] = {}
    giver: dict[str, Link] = {}
    gives: dict[Link, list[str]] = {}
    asked: set[Link] = set()
    for link in links:
        link.given = [one.name for one in link.columns if one.name in given]
        asked |= {giver[name] for name in link.given}
        with _naming(link):
            mine = [one for one in link.columns if one.name not in given]
            for one in mine:
                _take(outside, sample, one, link)
            rows = {one.name: link.frames.column(one.name, [row[one.name] for row in sample]) for one in mine}
            frame = link.frame(rows, given, told)
            said = link.said(link.model.predict(frame))
        told |= frame.attrs
        given |= said
        giver |= dict.fromkeys(said, link)
        gives[link] = [*said][: len(said) // 2]
    for link in links[:-1]:
        if link not in asked:
            names = ", ".join(map(repr, gives[link][:12]))
            raise BadInput(f"{link.label}: no member after it takes any of what it gives: {names}")
    signature = _signature([column for column, _ in outside.values()], found[0].signature, found[-1].signature)
    chain = Chain(links, signature, sample)
    frames = Frames(signature)
    frame = pd.DataFrame({name: frames.column(name, [row[name] for row in sample]) for name in outside}, copy=False)
    answers = models.answers_of(chain.predict(frame))
    whole = [msgspec.structs.replace(one, given=link.given) for one, link in zip(named, links, strict=True)]
    return Joined(whole, signature, sample, answers)


def _signature(columns: list[SignatureColumn], first: Signature, last: Signature) -> Signature:
    """What a chain takes, as the first member knows its source, and what it gives, which is what the last one does."""
    taken = [one.name for one in columns]
    return Signature(
        columns=columns,
        others=[name for name in dict.fromkeys([*first.source, *first.others]) if name not in taken],
        source=[*first.source, *(name for name in taken if name not in first.source)],
        target=last.target,
        task=last.task,
        classes=last.classes,
        threshold=last.threshold,
        writing=first.writing,
    )


def _named(label: str, error: CupolaError) -> CupolaError:
    info = error.info()
    info.message = f"{label}: {info.message}"
    return from_info(info)


def _take(
    outside: dict[str, tuple[SignatureColumn, Link]],
    sample: list[dict[str, Any]],
    column: SignatureColumn,
    link: Link,
) -> None:
    """Lets a column come from outside, with the values that the member's sample has. Raises BadInput."""
    if column.name not in outside:
        if not link.model.sample:
            hint = "an MLflow model keeps the input example that it was saved with"
            raise BadInput("it has kept no sample, on which a chain could be tried", hint=hint)
        outside[column.name] = column, link
        for row, values in zip(sample, link.model.sample, strict=False):
            row[column.name] = values.get(column.name)
        return
    before, by = outside[column.name]
    if ALIKE.get(before.type, before.type) != ALIKE.get(column.type, column.type):
        raise BadInput(f"it takes {column.name!r} as {column.type}, {by.label} as {before.type}")


def _plain(value: Any) -> Any:
    """A value as a request would have it: moments as texts, missing ones as None."""
    if value is None or isinstance(value, str | dict | list):
        return value
    if pd.isna(value):
        return None
    return value.isoformat() if hasattr(value, "isoformat") else value
