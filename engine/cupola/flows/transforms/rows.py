"""Manage rows: filter, sort, duplicates; sampling, splitting and balancing."""

from typing import Annotated, Any, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier, literal
from cupola.errors import BadInput, BadOption
from cupola.flows import expressions, learning
from cupola.flows.sql import ROW, TRAIN, Table, chance, columns, free, looked_up, new, number, select, value
from cupola.flows.transforms.transform import Ask, State, Target, Transform, target_of

FILTER, ROWS, SAMPLE, SPLIT, BALANCE = "Filter data", "Manage rows", "Sampling", "Split data", "Balance data"
MOST = 10_000  # classes of a stratified split
PARTS = ("train", "validation", "test")


class FilterRows(msgspec.Struct, kw_only=True, frozen=True):
    """Keep the rows for which a condition holds."""

    where: Annotated[str, Arg(help="an SQL expression: distance > 1000 and carrier = 'UA'")]


class SortRows(msgspec.Struct, kw_only=True, frozen=True):
    """Sort the rows."""

    columns: Annotated[list[str], Arg(help="by these columns, the first one first", completes="column")]
    descending: Annotated[bool, Arg(help="the largest first")] = False


class DropDuplicates(msgspec.Struct, kw_only=True, frozen=True):
    """Keep the first of rows that are the same."""

    columns: Annotated[list[str], Arg(help="the same in these columns (default: in all)", completes="column")] = []


class SampleRows(msgspec.Struct, kw_only=True, frozen=True):
    """Keep some of the rows: the first ones, by chance, or by chance with each value of a column as often as before."""

    method: Annotated[Literal["random", "stratified", "first"], Arg(help="which")] = "random"
    rows: Annotated[int | None, Arg(help="how many")] = None
    share: Annotated[float | None, Arg(help="or which share of them")] = None
    by: Annotated[str, Arg(help="the column of a stratified sample (default: the target)", completes="column")] = ""


class SplitRows(msgspec.Struct, kw_only=True, frozen=True):
    """Add a column that says which rows train, validate and test; the steps after it learn from those that train."""

    method: Annotated[Literal["random", "ordered", "stratified", "key"], Arg(help="how")] = "random"
    shares: Annotated[str, Arg(help="60/20/20: of training, validation and test; 80/20: of training and test")] = (
        "60/20/20"
    )
    by: Annotated[
        str,
        Arg(
            help="the column that is ordered by, that is in all parts alike, or whose rows of one value stay together",
            completes="column",
        ),
    ] = ""
    name: Annotated[str, Arg(help="of the new column")] = "split"


class BalanceRows(msgspec.Struct, kw_only=True, frozen=True):
    """Have as many training rows of each class: some of the frequent ones go, or rows of the rare ones are repeated."""

    method: Annotated[Literal["oversample", "undersample"], Arg(help="repeat rare ones, or drop frequent ones")] = (
        "oversample"
    )
    target: Target = ""


def _filter(params: FilterRows, state: State, table: Table) -> str:
    return select(table, rest=f"WHERE ({expressions.checked(params.where, table)}\n)")


def _sort(params: SortRows, state: State, table: Table) -> str:
    way = "DESC" if params.descending else "ASC"
    order = ", ".join(f"{identifier(one)} {way} NULLS LAST" for one in params.columns)
    return select(table, rest=f"ORDER BY {order}, {ROW}")


def _distinct(params: DropDuplicates, state: State, table: Table) -> str:
    same = columns(params.columns or [one for one in table.columns if one != table.split])
    return select(table, rest=f"QUALIFY row_number() OVER (PARTITION BY {same} ORDER BY {ROW}) = 1 ORDER BY {ROW}")


def _sample(params: SampleRows, state: State, table: Table) -> str:
    if (params.rows is None) == (params.share is None):
        raise BadOption("either rows or share is needed: rows=1000, share=0.1")
    if params.rows is not None and params.rows < 1:
        raise BadOption(f"rows is 1 or more, not {params.rows}")
    if params.share is not None and not 0 < params.share <= 1:
        raise BadOption(f"share is more than 0 and at most 1, not {params.share}")
    parts = ""
    if params.method == "stratified":
        parts = f"PARTITION BY {identifier(target_of(params.by, table))} "
    order = ROW if params.method == "first" else f"{chance(table.seed, 'sample')}, {ROW}"
    if params.share is not None:
        wanted = f"ceil(count(*) OVER ({parts.strip()}) * {number(params.share)})"
    elif parts:
        wanted = f"ceil(count(*) OVER ({parts.strip()}) * {params.rows}e0 / count(*) OVER ())"
    else:
        wanted = str(params.rows)
    return select(table, rest=f"QUALIFY row_number() OVER ({parts}ORDER BY {order}) <= {wanted} ORDER BY {ROW}")


def _learn_split(params: SplitRows, table: Table, ask: Ask) -> State:
    """Where the parts are cut, so that rows need not be gathered to be split.

    Each part has its share to the row; by key, and of millions of rows by chance, as near as chance comes.
    """
    shares = [*shares_of(params.shares).values()][:-1]
    reached = [sum(shares[: place + 1]) for place in range(len(shares))]
    if params.method == "key":
        _by(params)
    if params.method == "key" or (params.method == "random" and table.rows > learning.HELD):
        return {"cuts": [number(one) for one in reached]}
    if params.method == "ordered":
        by = f"{identifier(params.by)} NULLS FIRST, {ROW}" if params.by else ROW
        shown = f"CAST({identifier(params.by)} AS VARCHAR)" if params.by else "NULL"
        rows = _first_behind(ask, table, reached, f"ORDER BY {by}", f"{shown} AS v, {ROW} AS h")
        return {"cuts": [next(([v, h] for place, v, h in rows if place == one), None) for one in range(len(reached))]}
    chosen = f"{chance(table.seed, 'split')}"
    if params.method == "random":
        rows = _first_behind(ask, table, reached, f"ORDER BY {chosen}", f"NULL AS v, {chosen} AS h")
        return {"cuts": [next((number(h) for place, _, h in rows if place == one), "2") for one in range(len(reached))]}
    group = _class(target_of(params.by, table))
    rows = _first_behind(ask, table, reached, f"PARTITION BY {group} ORDER BY {chosen}", f"{group} AS v, {chosen} AS h")
    classes = sorted({v for _, v, _ in rows} | {v for (v,) in ask(f"SELECT DISTINCT {group} FROM {table.sql}")})
    if len(classes) > MOST:
        raise BadInput(
            f"a stratified split takes {MOST} classes at most, not {len(classes)}", hint="by names another column"
        )
    found = {(place, v): h for place, v, h in rows}
    return {"classes": classes, "cuts": [[found.get((one, v), 2.0) for v in classes] for one in range(len(reached))]}


def _first_behind(ask: Ask, table: Table, reached: list[float], over: str, shown: str) -> list[tuple[int, Any, Any]]:
    """The first row behind each cut (of each class): (which cut, v, h)."""
    parts = over.partition("ORDER BY")[0].strip()
    at = [f"ceil(count(*) OVER ({parts}) * {number(share)} + 0.5e0)" for share in reached]
    are = [f"r = c{place}" for place in range(len(at))]
    counted = ", ".join(f"{one} AS c{place}" for place, one in enumerate(at))
    ranked = f"SELECT {shown}, row_number() OVER ({over}) AS r, {counted} FROM {table.sql}"
    found = ask(f"SELECT v, h, [{', '.join(are)}] FROM ({ranked}) WHERE {' OR '.join(are)} ORDER BY r")
    # In a small class one row may be the first behind two cuts.
    return [(place, v, h) for v, h, which in found for place, true in enumerate(which) if true]


def _class(column: str) -> str:
    """A class as a text, a missing one as none of the others."""
    return f"coalesce('=' || CAST({identifier(column)} AS VARCHAR), '')"


def _split(params: SplitRows, state: State, table: Table) -> str:
    names = [*shares_of(params.shares)]
    cases = " ".join(
        f"WHEN {_before(params, cut, state, table)} THEN {literal(name)}"
        for name, cut in zip(names, state["cuts"], strict=False)
    )
    name = new(table, params.name)
    part = f"CASE {cases} ELSE {literal(names[-1])} END"
    return f"SELECT * REPLACE ({part} = 'train' AS {TRAIN}), {part} AS {identifier(name)}\nFROM {table.sql}"


def _before(params: SplitRows, cut: Any, state: State, table: Table) -> str:
    """Whether a row lies before a cut."""
    if params.method == "key":
        text = f"concat(CAST({_by(params)} AS VARCHAR), ':', {table.seed})"
        return f"md5_number_lower({text}) / 18446744073709551616.0e0 < {cut}"
    chosen = chance(table.seed, "split")
    if params.method == "random":
        return f"{chosen} < {cut}"
    if params.method == "stratified":
        return f"{chosen} < {looked_up(_class(target_of(params.by, table)), state['classes'], cut)}"
    if cut is None:
        return "true"
    text, row = cut
    earlier = f"{ROW} < {row}"
    if not params.by:
        return earlier
    by, bound = identifier(params.by), value(text, table.columns[params.by])
    if text is None:
        return f"({by} IS NULL AND {earlier})"
    return f"({by} IS NULL OR {by} < {bound} OR ({by} = {bound} AND {earlier}))"


def _by(params: SplitRows) -> str:
    if not params.by:
        raise BadOption("a split by key needs the column of the key: by=customer")
    return identifier(params.by)


def shares_of(text: str) -> dict[str, float]:
    """The share of each part: 60/20/20, 0.6/0.2/0.2, 80/20. Raises BadOption."""
    try:
        given = [float(one) for one in text.split("/")]
    except ValueError:
        given = []
    total = sum(given)
    if len(given) not in (2, 3) or min(given) <= 0 or not (abs(total - 100) < 1e-6 or abs(total - 1) < 1e-6):
        raise BadOption(f"shares is such as 60/20/20 or 80/20, not {text!r}")
    named = PARTS if len(given) == 3 else ("train", "test")
    return {name: share / total for name, share in zip(named, given, strict=True)}


def _learn_balance(params: BalanceRows, table: Table, ask: Ask) -> State:
    name = identifier(target_of(params.target, table))
    rows = ask(f"SELECT CAST({name} AS VARCHAR), count(*) FROM {table.training} GROUP BY 1 ORDER BY 1 NULLS LAST")
    if len(rows) < 2:
        raise BadInput("there is one class only in the training part: nothing can be balanced")
    counts = [count for _, count in rows]
    return {"rows": max(counts) if params.method == "oversample" else min(counts)}


def _balance(params: BalanceRows, state: State, table: Table) -> str:
    target, wanted = identifier(target_of(params.target, table)), state["rows"]
    order = f"PARTITION BY {target}, {TRAIN} ORDER BY {chance(table.seed, 'balance')}, {ROW}"
    if params.method == "undersample":
        return select(table, rest=f"QUALIFY NOT {TRAIN} OR row_number() OVER ({order}) <= {wanted} ORDER BY {ROW}")
    times, again = free(table, "__times__"), free(table, "__again__")
    count = f"count(*) OVER (PARTITION BY {target}, {TRAIN})"
    repeated = f"{wanted} // {count} + CAST(row_number() OVER ({order}) <= {wanted} % {count} AS BIGINT)"
    counted = f"(SELECT *, CASE WHEN {TRAIN} THEN {repeated} ELSE 1 END AS {identifier(times)} FROM {table.sql})"
    unrolled = f"(SELECT *, unnest(range({identifier(times)})) AS {identifier(again)} FROM {counted})"
    # The repeated rows stand behind all others, so that what was there stays in its place.
    return select(table, source=unrolled, rest=f"ORDER BY {identifier(again)}, {ROW}")


TRANSFORMS = [
    Transform(name="filter", group=FILTER, params=FilterRows, select=_filter, serving="skipped"),
    Transform(name="sort", group=ROWS, params=SortRows, select=_sort, memory="spills", serving="skipped"),
    Transform(
        name="drop-duplicates", group=ROWS, params=DropDuplicates, select=_distinct, memory="spills", serving="skipped"
    ),
    Transform(name="sample", group=SAMPLE, params=SampleRows, select=_sample, memory="spills", serving="skipped"),
    Transform(
        name="split", group=SPLIT, params=SplitRows, learn=_learn_split, learns=lambda params: False, select=_split,
        serving="skipped",
    ),
    Transform(
        name="balance", group=BALANCE, params=BalanceRows, learn=_learn_balance, select=_balance, memory="spills",
        serving="skipped",
    ),
]  # fmt: skip
