"""What a transform is: a name, typed parameters, what it learns from the training part, and the SQL that it becomes."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec

from cupola.actions import Arg
from cupola.flows.sql import Table, known

Ask = Callable[[str], list[tuple[Any, ...]]]  # answers a query while a flow is fitted
State = dict[str, Any]

Columns = Annotated[list[str], Arg(help="the columns", completes="column")]
Column = Annotated[str, Arg(help="the column", completes="column")]
By = Annotated[list[str], Arg(help="within the rows that have the same values of these columns", completes="column")]
Order = Annotated[str, Arg(help="the column that rows are in the order of (default: as they are)", completes="column")]
Target = Annotated[str, Arg(help="the column to predict (default: the dataset's target)", completes="column")]


class Transform(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of step. group: of the hosted tool's. params: a struct whose fields are `Annotated[T, Arg(...)]`.

    select(params, state, table, *others): a SELECT from the table that gives its hidden columns too; one that `spills`
    says in which order. learn(params, table, ask): its state, plain JSON, from `table.training`; learns(params):
    whether that is more than a check. frame(params, frame, target, seed): instead of select, on rows that are held as
    a pandas frame. inputs: how many it takes. memory: whether rows stream through it, are sorted or gathered on the
    disk where they do not fit, or are all held. serving: whether it is applied to a row that comes alone, is skipped
    (which rows are there is its affair), or refused.
    """

    name: str
    group: str
    params: type[msgspec.Struct]
    select: Callable[..., str] | None = None
    learn: Callable[[Any, Table, Ask], State] | None = None
    learns: Callable[[Any], bool] = lambda params: True
    frame: Callable[..., Any] | None = None
    inputs: Literal["one", "two", "many"] = "one"
    memory: Literal["streams", "spills", "holds"] = "streams"
    serving: Literal["applied", "skipped", "refused"] = "applied"

    @property
    def summary(self) -> str:
        """What it does, in a sentence."""
        return " ".join((self.params.__doc__ or "").partition("\n\n")[0].split())


def target_of(given: str, table: Table) -> str:
    """The target that is given, or the dataset's. Raises BadOption where there is none."""
    from cupola.errors import BadOption

    target = given or table.target
    if not target:
        raise BadOption("the dataset has no target", hint="say which column it is: target=late")
    known(table, [target], "target")
    return target
