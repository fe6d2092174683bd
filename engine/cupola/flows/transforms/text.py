"""Featurize text."""

from typing import Annotated, Literal

import msgspec

from cupola.actions import Arg
from cupola.datasets.sql import identifier
from cupola.errors import BadInput, BadOption
from cupola.flows import learning
from cupola.flows.sql import ROW, Table, free, number, of_kind, select
from cupola.flows.transforms.transform import Ask, Column, Columns, State, Transform

GROUP = "Featurize text"
WORD = r"[\p{L}\p{N}_]{2,}"

Statistic = Literal["characters", "words", "digits", "capitals", "special", "spaces"]
COUNTED: dict[str, str] = {"digits": r"\p{N}", "capitals": r"\p{Lu}", "special": r"[^\p{L}\p{N}\s]", "spaces": r"\s"}


class TextStatistics(msgspec.Struct, kw_only=True, frozen=True):
    """Add columns that count what a text is made of: characters, words, digits, capitals, special ones, spaces."""

    columns: Columns
    statistics: Annotated[list[Statistic], Arg(help="which (default: all)")] = []


class VectorizeText(msgspec.Struct, kw_only=True, frozen=True):
    """Replace a text by the weights of its words, tf-idf, as scikit-learn's TfidfVectorizer weighs them."""

    column: Column
    limit: Annotated[int, Arg(help="so many words, the most frequent of the training part")] = 100
    min_rows: Annotated[int, Arg(help="words that are in fewer rows are left out")] = 1
    output: Annotated[Literal["columns", "vector"], Arg(help="a column for each word, or one vector")] = "columns"


def _statistics(params: TextStatistics, state: State, table: Table) -> str:
    of_kind(table, params.columns, ("text",), "have characters")
    added: dict[str, str] = {}
    for one in params.columns:
        name = identifier(one)
        for statistic in params.statistics or ("characters", "words", *COUNTED):
            if statistic == "characters":
                count = f"length({name})"
            elif statistic == "words":
                count = rf"len(regexp_extract_all({name}, '\S+'))"
            else:
                count = f"len(regexp_extract_all({name}, '{COUNTED[statistic]}'))"
            added[free(table, f"{one}_{statistic}", added)] = f"CAST({count} AS BIGINT)"
    return select(table, added=added)


def _words(column: str) -> str:
    return f"regexp_extract_all(lower({identifier(column)}), '{WORD}')"


def _learn_words(params: VectorizeText, table: Table, ask: Ask) -> State:
    of_kind(table, [params.column], ("text",), "have words")
    if not 1 <= params.limit <= 5000:
        raise BadOption(f"limit is from 1 to 5000, not {params.limit}")
    rows = ask(
        f"SELECT w, count(*) AS n, count(DISTINCT {ROW}) AS d FROM (SELECT {ROW}, unnest({_words(params.column)}) AS w "
        f"FROM {table.training}) GROUP BY w HAVING d >= {int(params.min_rows)} ORDER BY n DESC, w LIMIT {params.limit}"
    )
    if not rows:
        raise BadInput(f"{params.column} has no words in the training part")
    count = ask(f"SELECT count(*) FROM {table.training}")[0][0]
    found = {word: idf_of(count, rows_with) for word, _, rows_with in sorted(rows)}
    return {"words": [*found], "idf": [*found.values()]}


def idf_of(rows: int, rows_with: int) -> float:
    """The smooth inverse document frequency of a word (scikit-learn's): ln((1 + n) / (1 + d)) + 1."""
    import math

    return math.log((1 + rows) / (1 + rows_with)) + 1


def _vectorize(params: VectorizeText, state: State, table: Table) -> str:
    words, idf = state["words"], f"[{', '.join(number(one) for one in state['idf'])}]"
    found = free(table, "__words__")
    listed = f"[{learning.listed(words)}]"
    counts = f"list_transform({listed}, lambda w: len(list_filter({identifier(found)}, lambda one: one = w)))"
    weights = f"list_transform(list_zip({counts}, {idf}), lambda z: z[1] * z[2])"
    vector = free(table, "__weights__", [found])
    length = f"sqrt(list_sum(list_transform({identifier(vector)}, lambda x: x * x)))"
    inner = f"(SELECT *, coalesce({_words(params.column)}, []) AS {identifier(found)} FROM {table.sql})"
    weighed = f"(SELECT *, {weights} AS {identifier(vector)} FROM {inner})"
    safe = f"CASE WHEN {length} = 0 THEN 1e0 ELSE {length} END"
    if params.output == "vector":
        unit = f"list_transform({identifier(vector)}, lambda x: x / {safe})"
        return select(
            table, added={free(table, f"{params.column}_vector"): unit}, dropped=[params.column], source=weighed
        )
    unit = free(table, "__length__", [found, vector])
    measured = f"(SELECT *, {safe} AS {identifier(unit)} FROM {weighed})"
    added: dict[str, str] = {}
    for place, word in enumerate(words, 1):
        name = free(table, f"{params.column}_{word}", [*added, found, vector, unit])
        added[name] = f"{identifier(vector)}[{place}] / {identifier(unit)}"
    return select(table, added=added, dropped=[params.column], source=measured)


TRANSFORMS = [
    Transform(name="text-statistics", group=GROUP, params=TextStatistics, select=_statistics),
    Transform(name="vectorize-text", group=GROUP, params=VectorizeText, learn=_learn_words, select=_vectorize),
]
