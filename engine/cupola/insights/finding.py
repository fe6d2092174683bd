"""What a check has found, until it is known how many rows of the whole version it is about."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from cupola.datasets import sql
from cupola.insights.records import DataWarning, Fix, Severity

Words = Callable[[int, int], str]
"""A sentence, of how many rows it is about and how many there are in all."""

NAMED = 4  # columns that a sentence names; the others it counts
LONGEST = 48  # characters of a name or a value in a sentence


@dataclass
class Found:
    """A warning to be. words: its sentence, of how many rows its filter selects and how many there are in all;
    rows: how many those are, where it is known already. It is dropped where the filter selects none. by_column: how
    many of them each column has, where it is about several with the same trouble."""

    kind: str
    columns: list[str]
    severity: Severity
    words: Words
    filter: str | None = None
    fix: Fix | None = None
    rows: int | None = None
    by_column: dict[str, int] = field(default_factory=dict)

    def warning(self, total: int) -> DataWarning:
        return DataWarning(
            kind=self.kind,
            columns=self.columns,
            severity=self.severity,
            message=self.words(self.rows or 0, total),
            filter=self.filter,
            rows=self.rows,
            fix=self.fix,
            by_column=self.by_column,
        )


def plain(sentence: str) -> Words:
    """A sentence that needs neither."""
    return lambda count, total: sentence


def counted(before: str, after: str = "") -> Words:
    """A sentence with the number of rows and their share in its middle."""
    return lambda count, total: f"{before}{count:,} row{'s' * (count != 1)} ({share(count, total)}){after}"


def said(value: Any) -> str:
    """A name or a value in a sentence, in one line and not too long."""
    text = " ".join(str(value).split()) or repr(str(value))
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def listed(names: Iterable[str]) -> str:
    """Names in a sentence: a, b and c; a, b, c, d and 5 more."""
    shown = [said(one) for one in names]
    if len(shown) > NAMED:
        return f"{', '.join(shown[:NAMED])} and {len(shown) - NAMED:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def share(part: float, whole: float) -> str:
    """So many of so many: 3.2%; what is near 0 or 1 with as many digits as tell it from that."""
    value = 100 * part / whole if whole else 0.0
    for digits in (1, 2, 3):
        text = f"{value:.{digits}f}"
        if (float(text) > 0 or not part) and (float(text) < 100 or part == whole):
            break
    return f"{text}%"


def number(value: float) -> str:
    """A number in a sentence."""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def literal(value: Any) -> str:
    """A value as SQL writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return sql.literal(value) if isinstance(value, str) else str(value)
